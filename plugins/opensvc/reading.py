"""The file's sections and keywords, each with its line."""

from __future__ import annotations

import configparser
import io
from collections.abc import Iterator
from dataclasses import dataclass

from clones.errors import ConfigError

_MEND = "fix this line in a copy of the file, then import the copy; nothing was written"


class Keyword(str):
    """A keyword in lower case, with its scope (``dev@node1``), and the line that it stands on."""

    line: int


@dataclass(frozen=True)
class Section:
    """One ``[section]``, without what it inherits from ``[DEFAULT]``.

    :param name: as written, but ``DEFAULT`` in whatever letters.
    """

    name: str
    line: int
    values: dict[Keyword, str]
    written: str = ""


def decode(raw: bytes, path: str) -> str:
    """The file's text.

    :raises ConfigError: when it is not text.
    """
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: is not text: it holds a zero byte.", _MEND)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: is not text in UTF-8.",
            "convert a copy (`iconv -f latin1 -t utf-8`), then import that; nothing was written",
        ) from None


def read(text: str, path: str) -> dict[str, Section]:
    """All sections by their names, in the order of the file.

    :raises ConfigError: naming the lines that cannot be read. Nothing is guessed about them.
    """
    # Sections inherit nothing here: what [DEFAULT] gives is asked for where it applies.
    parser = _Parser()
    try:
        parser.read_file(parser.counted(text), path)
    except configparser.DuplicateSectionError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: section [{error.section}] was given on line "
            f"{parser.sections_at[error.section]} already.",
            "merge the two in a copy of the file (the agent takes the last value of each keyword), then "
            "import the copy; nothing was written",
        ) from None
    except configparser.DuplicateOptionError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: [{error.section}] gives {error.option} a second time.",
            "remove one of the two in a copy of the file (the agent takes the last), then import the copy; "
            "nothing was written",
        ) from None
    except configparser.MissingSectionHeaderError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: stands before the first [section]: {error.line.strip()[:60]!r}.", _MEND
        ) from None
    except configparser.ParsingError as error:
        wrong = "\n".join(
            f"{path}:{line}: is neither a [section] nor `keyword = value`: {shown[:60]}"
            for line, shown in error.errors
        )
        raise ConfigError(wrong, _MEND) from None
    return {
        name: Section(name, parser.sections_at[name], _values(parser, name), parser.written.get(name, name))
        for name in parser.sections()
    }


class _Parser(configparser.RawConfigParser):
    """The standard library's, which tells lines in its errors only."""

    def __init__(self) -> None:
        super().__init__(default_section="\0", interpolation=None)
        self.line = 0
        self.sections_at: dict[str, int] = {}
        self.written: dict[str, str] = {}

    def counted(self, text: str) -> Iterator[str]:
        for line in io.StringIO(text, newline=None):
            self.line += 1
            header = self.SECTCRE.match(line.strip())
            if header and header["header"].lower() == "default":
                self.written.setdefault("DEFAULT", header["header"])
                line = "[DEFAULT]\n"
            if header:
                name = "DEFAULT" if line == "[DEFAULT]\n" else header["header"]
                self.sections_at.setdefault(name, self.line)
            yield line

    def optionxform(self, optionstr: str) -> Keyword:
        keyword = Keyword(optionstr.lower())
        keyword.line = self.line
        return keyword


def _values(parser: _Parser, name: str) -> dict[Keyword, str]:
    # The keys are what optionxform has made of them, whatever the stub says.
    return {key: value for key, value in parser.items(name) if isinstance(key, Keyword)}
