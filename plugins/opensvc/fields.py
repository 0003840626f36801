"""A keyword's value as one of ``services.yaml``'s: as it is, or a placeholder and a line in the report."""

from __future__ import annotations

from typing import Any

from clones.config.model import Seconds
from clones.config.placeholders import fill_in
from opensvc.evaluating import Given, View
from opensvc.values import boolean, fits, seconds, shown
from opensvc.writing import Entry


def text_or_placeholder(view: View, given: Given | None, kind: Any, what: str) -> str:
    """The value if it fits the field.

    :param kind: the field's annotated type.
    :param what: what belongs there, for the placeholder.
    """
    if given is None:
        return fill_in(what)
    wrong = given.trouble or fits(kind, given.text)
    if wrong is None:
        return given.text
    view.remark(given, f"{shown(given.text)} is not carried over: {wrong}", "fill it in by hand")
    return fill_in(f"{what}; the agent had {shown(given.text)}")


def flag(view: View, given: Given | None) -> bool | None:
    """True or false; None when it is not given, or is neither, which is reported."""
    if given is None:
        return None
    try:
        if given.trouble:
            raise ValueError(given.trouble)
        return boolean(given.text)
    except ValueError as error:
        view.remark(given, f"is not carried over: {error}", "give the key by hand if you need it")
        return None


def duration(view: View, given: Given | None, unit: int = 1, kind: Any = Seconds) -> int | None:
    """Seconds; None when it is not given, or is no duration that can be used, which is reported.

    :param unit: seconds that a bare number counts.
    :param kind: the field's annotated type.
    """
    if given is None:
        return None
    try:
        if given.trouble:
            raise ValueError(given.trouble)
        value = seconds(given.text, unit)
        wrong = fits(kind, value)
        if wrong:
            raise ValueError(f"{shown(given.text)}: {wrong}")
    except ValueError as error:
        view.remark(given, f"is not carried over: {error}", "give the key by hand if you need it")
        return None
    return value


def entries(**values: Any) -> tuple[Entry, ...]:
    """The keys that have a value."""
    return tuple(Entry(key, value) for key, value in values.items() if value is not None)


def in_use(view: View, section: str) -> bool:
    """Whether the agent works with this section's resource on the node itself; reported if not."""
    disabled = view.take(section, "disable")
    encapsulated = view.take(section, "encap")
    tags = view.take(section, "tags")
    words = tags.text.lower().split() if tags and not tags.trouble else []
    if flag(view, disabled):
        view.remark(section, "is disabled, and left out", "nothing, unless it is to come back: then add it")
        return False
    if flag(view, encapsulated) or "encap" in words:
        view.remark(
            section,
            "is handled by the agent inside a container, and left out",
            "give the service that runs there a host of its own",
        )
        return False
    if "noaction" in words:
        view.remark(
            section,
            "is only checked by the agent (tag noaction), and left out",
            "if it uses the copied disks, write a `down_checks` command that says whether it still does",
        )
        return False
    if tags:
        view.remark(tags, "tags mean nothing here", "nothing, if your own scripts do not select by them")
    return True


def by_subset(view: View, sections: list[str], remedy: str) -> list[str]:
    """Sections of one group in the agent's order: subsets by their names; where there is one, it is reported.

    :param sections: in their order within a subset, which is by number.
    """
    given = {section: one for section in sections if (one := view.take(section, "subset"))}
    names = {section: one.text.strip() for section, one in given.items()}
    ordered = sorted(sections, key=lambda section: names.get(section, ""))
    if given:
        which = ", ".join(f"{one} ({names[one]})" if one in names else one for one in ordered)
        what = f"the order is by subset, then by number: {which}"
        if len(given) < len(sections):
            what += "; where the agent has those without a subset is not known"
        what += "".join(f"; {one.trouble}" for one in given.values() if one.trouble)
        view.remark(next(iter(given.values())), what, remedy)
    return ordered


def not_optional(view: View, section: str, what: str) -> None:
    """Report ``optional = true``: here no failure is passed over.

    :param what: what a failure does here.
    """
    given = view.take(section, "optional")
    if given and flag(view, given):
        view.remark(given, f"nothing is optional here: {what}", "leave it out by hand if it may be missing")
