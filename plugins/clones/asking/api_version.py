"""Which version of the REST API is spoken: the highest that the server and this project know."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from clones.clean import one_line
from clones.errors import Refused, Unreadable

KNOWN = (92, 100, 101, 102, 103, 104)
"""From 92 on a snapshot is named by its snapid."""
_RELEASE = re.compile(r"[A-Z]?(\d{1,2})\.(\d)\.")
"""How the text `version` begins: V9.2.0.6 and T10.0.1.12 speak 92 and 100."""


def choose(server: str, body: str, pinned: int | None = None) -> int:
    """The version to be used.

    Releases up to 9.2 say their own number only, as text (documented: see the answer to ``GET /version``).

    :param server: Airflow connection id, for messages.
    :param body: what the server answered to ``GET /version``.
    :param pinned: the only one that may be used, None for any.
    :raises Refused: there is none that both know.
    :raises Unreadable: the answer does not say.
    """
    offered = _offered(server, body)
    both = sorted(set(offered) & ({pinned} if pinned else set(KNOWN)))
    if both:
        return both[-1]
    listed = ", ".join(map(str, sorted(offered)))
    if pinned:
        raise Refused(
            f"{server} does not speak version {pinned} of its API, but {listed}. Nothing was changed.",
            "correct `api_version` in the extra of the connection, or remove it",
        )
    if max(offered) < KNOWN[0]:
        raise Refused(
            f"{server} speaks version {max(offered)} of its API. At least {KNOWN[0]} is needed, for a "
            "snapshot must be named by its snapid. Nothing was changed.",
            "update Unisphere for PowerMax to 9.2 or later",
        )
    raise Refused(
        f"{server} speaks versions {listed} of its API, none of which this project knows: "
        f"{', '.join(map(str, KNOWN))}. Nothing was changed.",
        "use a release of this project that knows one of them",
    )


def _offered(server: str, body: str) -> list[int]:
    try:
        said = json.loads(body)
        if not isinstance(said, Mapping):
            raise ValueError("it is no JSON object")
        listed = said.get("supported_api_versions")
        if listed is None:
            listed = [said["api_version"]] if said.get("api_version") else [_of_release(said)]
        if not isinstance(listed, list) or not listed:
            raise ValueError("`supported_api_versions` is no list with a version in it")
        return [_number(one) for one in listed]
    except (ValueError, TypeError, RecursionError) as error:
        raise Unreadable(
            f"{server} does not say which version of its API it speaks: {one_line(str(error))}: "
            f"{one_line(body[:200])!r}. Nothing was changed.",
            "check that the connection leads to Unisphere for PowerMax, and no proxy answers in its place",
        ) from None


def _of_release(said: Mapping[str, object]) -> int:
    found = _RELEASE.match(str(said.get("version", "")))
    if found is None:
        raise ValueError("there is no `version` that can be read")
    return int(found[1] + found[2])


def _number(text: object) -> int:
    if isinstance(text, bool) or not str(text).isdecimal():
        raise ValueError(f"{text!r} is no version")
    return int(str(text))
