"""``[app#n]``: the commands by which the agent starts, stops and checks an application."""

from __future__ import annotations

import re
import shlex

from clones.config.placeholders import fill_in
from clones.names import Word
from opensvc.evaluating import Given, View, group_and_index
from opensvc.fields import duration, entries
from opensvc.values import boolean, fits, shown
from opensvc.writing import Block

_MEND = "write the command as a list of words: [/opt/site/bin/app, start]"


def app(view: View, section: str) -> Block:
    """One ``app`` of the service's ``resources``."""
    index = group_and_index(section)[1]
    name = "app" + "".join(char for char in index if char.isascii() and char.isalnum())[:29]
    script, kind = view.take(section, "script"), view.take(section, "type")
    if kind and kind.text.strip().lower().rpartition(".")[2] == "simple":
        view.remark(
            kind,
            "a start of type simple may stay in the foreground, and here it must return",
            "check that `start` returns once the application runs; if not, start it by a launcher that does",
        )
    return Block(
        entries(
            name=name,
            start=_command(view, section, script, "start", "start", "starts it"),
            stop=_command(view, section, script, "stop", "stop", "stops it"),
            check=_command(view, section, script, "check", "status", "looks: exit code 0 if it runs"),
            down_exit_codes=_down_codes(view, section),
            timeout=_timeout(view, section),
        )
    )


def order(view: View, section: str) -> tuple[int, int]:
    """Where the agent starts it: by the number that older configurations give as ``start``."""
    given = view.take(section, "start")
    text = given.text.strip() if given and not given.trouble else ""
    return (0, int(text)) if text.isdecimal() and len(text) < 10 else (1, 0)


def _command(
    view: View, section: str, script: Given | None, keyword: str, argument: str, what: str
) -> list[str]:
    """The words of a command: of its own, or the launcher with an argument."""
    given = view.take(section, keyword)
    if given is None or _is(given, False):
        # Not given: the agent does nothing for this action. Every app needs all three.
        return [fill_in(f"a command that {what}; the agent has none for `{keyword}`")]
    by_script = given.text.strip().isdecimal() or _is(given, True)  # a number is its place in the order
    at = script if by_script and script else given
    words: list[str] = []
    wrong = at.trouble or ("it asks for a `script`, and there is none" if by_script and not script else None)
    if wrong is None:
        try:
            words = [*_words(at.text), *([argument] if by_script else [])]
        except ValueError as error:
            wrong = f"it cannot be split into words ({error})"
    if wrong is None and not words[0].startswith("/"):
        wrong = "the program's path is one of the agent's own folder"
    wrong = wrong or next((why for word in words if (why := fits(Word, word))), None)
    if wrong is None:
        return words
    view.remark(at, f"{shown(at.text)} is not carried over: {wrong}", _MEND)
    return [fill_in(f"a command that {what}; the agent had {shown(at.text)}")]


def _is(given: Given, wanted: bool) -> bool:
    try:
        return not given.text.strip().isdecimal() and boolean(given.text) is wanted
    except ValueError:
        return False


def _words(text: str) -> list[str]:
    """As the agent runs it: without a shell, unless it holds what only a shell knows."""
    words = shlex.split(text)
    if not words:
        raise ValueError("it is empty")
    if {"|", "||", "&&"} & set(words) or any(word.endswith(";") for word in words):
        return ["/bin/sh", "-c", " ".join(text.split())]
    return words


def _down_codes(view: View, section: str) -> list[int] | list[str]:
    """The exit codes of ``check`` that the agent takes for down."""
    given = view.take(section, "retcodes")
    if given is None:
        return [1]
    words = [re.fullmatch(r"([0-9]{1,3}):([a-z/]+)", word) for word in given.text.split()]
    codes = [(int(word[1]), word[2]) for word in words if word]
    up, down = ([code for code, status in codes if status == which] for which in ("up", "down"))
    usable = [code for code in down if 1 <= code <= 125]
    wrong = given.trouble or (None if usable else "none of its exit codes can mean down here")
    if len(codes) < len(words):  # beside a word that is no code, a code may be part of a remark
        wrong = wrong or "it holds a word that is no exit code"
    if wrong:
        view.remark(given, f"{shown(given.text)} is not carried over: {wrong}", "fill it in by hand")
        return [fill_in(f"exit codes of `check` that mean down, 1 to 125; the agent had {shown(given.text)}")]
    if up != [0] or usable != down or len(up) + len(down) < len(codes):
        view.remark(
            given,
            f"{shown(given.text)} is carried over in part: here only 0 is up, and what is neither is unknown",
            "check that `check` ends with 0 when it runs, and `down_exit_codes` names what means down",
        )
    return usable


def _timeout(view: View, section: str) -> int | None:
    """One for all of them: the longest."""
    names = ("timeout", "start_timeout", "stop_timeout", "check_timeout")
    given = [one for name in names if (one := view.take(section, name))]
    values = [value for one in given if (value := duration(view, one)) is not None]
    for one in given:
        if len(set(values)) > 1:
            view.remark(one, f"one `timeout` is for all commands: {max(values)} seconds", "nothing")
    return max(values, default=None)
