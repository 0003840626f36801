"""Stand-ins for what must not leave a site: serial numbers, WWNs, names of groups and hosts.

The same original always becomes the same stand-in, of the same width, so that a table keeps its columns and
two files still speak of the same array.
"""

from __future__ import annotations

import re
import string

# An array's serial number is 12 digits; a WWN is 16 or 32 hex digits, with or without colons.
_WWN = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{16}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){7}"
    r"(?:(?::[0-9A-Fa-f]{2}){8})?)(?![0-9A-Za-z])"
)
_SERIAL = re.compile(r"(?<!\d)\d{12}(?!\d)")
# Names that a site may use and that are also words of the output: replaced as whole words only.
WHOLE_ONLY = 4


class Names:
    """`table` maps originals to stand-ins; it names what was hidden and must itself stay at the site."""

    def __init__(self, table: dict[str, str] | None = None) -> None:
        self.table: dict[str, str] = dict(table or {})

    def learn(self, original: str, prefix: str = "N") -> str:
        """The stand-in of a name, made when there is none yet."""
        known = {k.lower(): v for k, v in self.table.items()}
        if original.lower() not in known:
            taken = set(self.table.values()) | set(self.table)
            self.table[original] = _fresh(len(original), prefix, taken)
            return self.table[original]
        return known[original.lower()]

    def _number(self, original: str, digits: str) -> str:
        key = original.lower()
        if key not in self.table:
            width = len(original.replace(":", ""))
            taken = set(self.table) | set(self.table.values())
            count = 1
            while True:
                plain = f"{count:0{width}x}" if digits == "hex" else f"{count:0{width}d}"
                if ":" in original:
                    plain = ":".join(plain[i : i + 2] for i in range(0, width, 2))
                if plain not in taken:
                    break
                count += 1
            self.table[key] = plain
        found = self.table[key]
        return found.upper() if original.upper() == original else found

    def hide(self, text: str) -> str:
        """The text with every known name, and everything that looks like a serial number or WWN, replaced."""
        made = set(self.table.values())
        text = _WWN.sub(lambda m: m[0] if m[0].lower() in made else self._number(m[0], "hex"), text)
        made = set(self.table.values())
        text = _SERIAL.sub(lambda m: m[0] if m[0] in made else self._number(m[0], "decimal"), text)
        names = sorted((k for k in self.table if not _is_number(k)), key=len, reverse=True)
        if names:
            pattern = "|".join(
                re.escape(n) if len(n) >= WHOLE_ONLY else rf"(?<![A-Za-z0-9]){re.escape(n)}(?![A-Za-z0-9])"
                for n in names
            )
            known = {k.lower(): v for k, v in self.table.items()}
            text = re.sub(pattern, lambda m: known[m[0].lower()], text, flags=re.IGNORECASE)
        return text

    def left_in(self, text: str) -> list[str]:
        """Originals that can still be found in a text; there must be none."""
        low = text.lower()
        return [n for n in self.table if len(n) >= WHOLE_ONLY and n.lower() in low]


def _is_number(name: str) -> bool:
    return _WWN.fullmatch(name) is not None or _SERIAL.fullmatch(name) is not None


def _fresh(width: int, prefix: str, taken: set[str]) -> str:
    if width <= len(prefix):
        choices = [a for a in string.ascii_uppercase] if width == 1 else []
        choices += [a + b for a in string.ascii_uppercase for b in string.digits] if width == 2 else []
        return next(c for c in choices if c not in taken)
    count = 1
    while (name := f"{prefix}{count:0{width - len(prefix)}d}"[:width]) in taken:
        count += 1
    return name
