"""How the shells and file commands of each family word their complaints."""

from __future__ import annotations

from typing import ClassVar

from lab.filesystem import EXISTS, IS_DIRECTORY


class GnuWording:
    """bash and coreutils, C locale. Documented."""

    MKDIR = "cannot create directory '{name}'"
    VERBS: ClassVar[dict[str, str]] = {
        "mkdir": MKDIR, "rmdir": "failed to remove '{name}'", "rm": "cannot remove '{name}'",
        "mv": "cannot stat '{name}'", "ls": "cannot access '{name}'", "cat": "{name}",
    }  # fmt: skip

    def file(self, program: str, name: str, reason: str) -> str:
        return f"{program}: {self.VERBS[program].format(name=name)}: {reason}"

    def not_found(self, shell: str, name: str) -> str:
        if "/" in name:
            return f"{shell}: {name}: No such file or directory\n"
        return f"{shell}: {name}: command not found\n"

    def syntax(self, shell: str, line: int, token: str) -> str:
        return f"{shell}: -c: line {line}: syntax error near unexpected token `{token}'\n"

    def redirect(self, shell: str, name: str, reason: str) -> str:
        return f"{shell}: {name}: {'cannot overwrite existing file' if reason == EXISTS else reason}"


class HpuxWording:
    """The POSIX shell and commands of HP-UX 11i. Documented for mkdir and `not found`, otherwise assumed."""

    VERBS: ClassVar[dict[str, str]] = {
        "mkdir": "mkdir: cannot create {name}: {reason}", "rmdir": "rmdir: {name}: {reason}",
        "rm": "rm: {name}: {reason}", "mv": "mv: {name}: cannot access: {reason}",
        "ls": "{name} not found", "cat": "cat: Cannot open {name}: {reason}",
    }  # fmt: skip

    def file(self, program: str, name: str, reason: str) -> str:
        if reason == IS_DIRECTORY and program == "rm":
            return f"rm: {name} directory"
        return self.VERBS[program].format(name=name, reason=reason)

    def not_found(self, shell: str, name: str) -> str:
        return f"{shell}: {name}:  not found.\n"

    def syntax(self, shell: str, line: int, token: str) -> str:
        return f"{shell}: Syntax error at line {line} : `{token}' is not expected.\n"

    def redirect(self, shell: str, name: str, reason: str) -> str:
        reason = "The file already exists" if reason == EXISTS else reason
        return f"{shell}: {name}: Cannot create the specified file. ({reason})"


class AixWording:
    """ksh and commands of AIX. Documented for `not found` and mkdir, otherwise assumed."""

    VERBS: ClassVar[dict[str, str]] = {
        "mkdir": "mkdir: 0653-358 Cannot create {name}.\n{name}: {reason}",
        "rmdir": "rmdir: 0653-611 Directory {name} is not removed.\n{name}: {reason}",
        "rm": "rm: 0653-609 Cannot remove {name}.\n{reason}",
        "mv": "mv: 0653-401 Cannot rename {name}:\n{reason}",
        "ls": "ls: 0653-341 The file {name} does not exist.", "cat": "cat: 0652-050 Cannot open {name}.",
    }  # fmt: skip

    def file(self, program: str, name: str, reason: str) -> str:
        return self.VERBS[program].format(name=name, reason=reason)

    def not_found(self, shell: str, name: str) -> str:
        return f"{shell}: {name}:  not found.\n"

    def syntax(self, shell: str, line: int, token: str) -> str:
        return f"{shell}: 0403-057 Syntax error at line {line} : `{token}' is not expected.\n"

    def redirect(self, shell: str, name: str, reason: str) -> str:
        reason = "The file already exists" if reason == EXISTS else reason
        return f"{shell}: {name}: 0403-005 Cannot create the specified file. ({reason})"


class SunWording:
    """The Bourne shell and commands of Solaris. Documented for `not found` and mkdir, otherwise assumed."""

    VERBS: ClassVar[dict[str, str]] = {
        "mkdir": 'mkdir: Failed to make directory "{name}"; {reason}',
        "rmdir": 'rmdir: directory "{name}": {reason}', "rm": "{name}: {reason}",
        "mv": "mv: cannot access {name}", "ls": "{name}: {reason}", "cat": "cat: cannot open {name}",
    }  # fmt: skip

    def file(self, program: str, name: str, reason: str) -> str:
        return self.VERBS[program].format(name=name, reason=reason)

    def not_found(self, shell: str, name: str) -> str:
        return f"{shell}: {name}: not found\n"

    def syntax(self, shell: str, line: int, token: str) -> str:
        return f"{shell}: syntax error at line {line}: `{token}' unexpected\n"

    def redirect(self, shell: str, name: str, reason: str) -> str:
        return f"{shell}: {name}: {'file already exists' if reason == EXISTS else 'cannot create'}"
