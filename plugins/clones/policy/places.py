"""Whose files and folders decide what is run as root."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from clones.policy.sent import Sent


def places(every: Iterable[Sent]) -> list[str]:
    """What only root may be able to write, or whoever can decides what is run as root, or where it acts: the
    programs that `become` runs, and the folders above each path that stands behind it.

    :param every: all that a connection gets. A path that holds a sample is of this project's own folder.
    """
    found: dict[str, None] = {}
    for sent in every:
        for words in sent.command.as_root:
            for word in words:
                if not word.startswith("/") or any(sample in word for sample in sent.free):
                    continue
                if word is words[0]:
                    found[word] = None
                while (word := posixpath.dirname(word)) not in found:
                    found[word] = None
    return list(found)
