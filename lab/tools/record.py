"""`python -m lab record`: asks a real control host what SYMCLI answers there, for others to learn from.

Only commands that read are sent (`READING` is the list, and no file of forms can widen it); what changes
something needs `--controls` and the word that the terminal asks for. Host keys are verified. Each command
becomes one YAML file with its words, environment, exit code and streams; names are replaced
(`lab.record_names`) before anything is written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shlex
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import yaml

from lab.tools.record_names import Names

FORMS = Path(__file__).with_name("record_forms.yaml")
BIN = "/usr/symcli/bin"
ENVIRONMENT = {"SYMCLI_WAIT_ON_DB": "1", "SYMCLI_WAIT_ON_GK": "1"}
# Command and the first word that is its action; None is a call without any.
READING: dict[str, frozenset[str | None]] = {
    "symcli": frozenset({None}),
    "symcfg": frozenset({"list"}),
    "symdg": frozenset({"list", "show"}),
    "symld": frozenset({"list", "show"}),
    "symdev": frozenset({"list", "show"}),
    "symclone": frozenset({"query", "list", "verify"}),
    "syminq": frozenset({None}),
    "symaudit": frozenset({"list"}),
}
CHANGING = (
    "activate", "add", "commit", "convert", "copy", "create", "delete", "discover", "establish", "export",
    "failover", "import", "move", "not_ready", "ready", "recreate", "release", "remove", "rename", "restore",
    "resume", "rmall", "rw_enable", "set", "split", "suspend", "swap", "terminate", "unlink", "write_disable",
)  # fmt: skip
# Options that are followed by a value; what follows any other may be the action.
VALUED = frozenset({"-sid", "-g", "-devs", "-output", "-f", "-file", "-i", "-c"})
SECONDS = 120


class RecordError(ValueError):
    """Nothing can be recorded; the text says why."""


@dataclass(frozen=True)
class Form:
    name: str
    words: tuple[str, ...]
    control: bool = False

    def reads(self) -> bool:
        """Whether this surely changes nothing: its first word reads, and no later one could be an action.

        SYMCLI takes shortened actions too (seen in logs: `est`).
        """
        plain: list[str] = []
        rest = list(self.words[1:])
        while rest:
            word = rest.pop(0).lower()
            if word in VALUED and rest:
                rest.pop(0)
            elif not word.startswith("-"):
                plain.append(word)
        suspicious = [w for w in plain[1:] if len(w) > 1 and any(c.startswith(w) for c in CHANGING)]
        action = plain[0] if plain else None
        return not suspicious and action in READING.get(self.words[0], ())


def forms(path: Path, given: dict[str, list[str]]) -> list[Form]:
    """The forms of a file with their fields filled in, once for each group. `given` holds the values."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["forms"]
        found = [Form(e["name"], tuple(map(str, e["words"])), bool(e.get("control"))) for e in entries]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise RecordError(f"{path}: no list of forms: {error}") from None
    filled: list[Form] = []
    for form in found:
        needs = set(re.findall(r"\{(\w+)\}", " ".join(form.words)))
        if unknown := needs - {"sid", "devices", "group"}:
            raise RecordError(f"{path}: {form.name} wants {', '.join(sorted(unknown))}, which nobody knows")
        if not form.control and not form.reads():
            raise RecordError(f"{path}: {form.name} is not known to read only: {' '.join(form.words)}")
        if any(not given[n] for n in needs):
            continue
        for number, group in enumerate(given["group"] if "group" in needs else [""], start=1):
            values = {"sid": "".join(given["sid"]), "devices": ",".join(given["devices"]), "group": group}
            words = tuple(w.format(**values) if "{" in w else w for w in form.words)
            filled.append(Form(f"{form.name}-{number}" if group else form.name, words, form.control))
    return filled


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    login: str | None
    key: str | None
    host_key: str | None


def address(text: str, key: str | None, host_key: str | None) -> Address:
    """`user@host[:port]`, or the name of an Airflow connection in AIRFLOW_CONN_NAME (as JSON)."""
    defined = os.environ.get(f"AIRFLOW_CONN_{text.upper()}")
    if defined is None:
        match = re.fullmatch(r"(?:([^@\s]+)@)?([^@:\s]+)(?::(\d+))?", text)
        if not match:
            raise RecordError(f"--host {text}: neither user@host:port nor a connection")
        return Address(match[2], int(match[3] or 22), match[1], key, host_key)
    try:
        about = json.loads(defined)
        extra = about.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        port = int(about.get("port") or 22)
    except ValueError:
        raise RecordError(f"AIRFLOW_CONN_{text.upper()} is not a connection in JSON") from None
    file, shown = key or extra.get("key_file"), host_key or extra.get("host_key")
    return Address(about["host"], port, about.get("login"), file, shown)


async def connect(to: Address, known_hosts: str | None) -> asyncssh.SSHClientConnection:
    """With the host key verified: against `host_key`, or a known_hosts file (by default the user's)."""
    known: Any = known_hosts or str(Path("~/.ssh/known_hosts").expanduser())
    if to.host_key:
        known = ([asyncssh.import_public_key(to.host_key)], [], [])
    elif not Path(known).exists():
        raise RecordError(f"no host key to verify {to.host} by: give --host-key or --known-hosts")
    words: dict[str, Any] = {"known_hosts": known, "config": None, "connect_timeout": 30}
    if to.login:
        words["username"] = to.login
    if to.key:
        words["client_keys"] = [to.key]
    return await asyncssh.connect(to.host, to.port, **words)


async def _ask(connection: asyncssh.SSHClientConnection, command: str) -> dict[str, Any]:
    began = time.monotonic()
    done = await connection.run(command, stdin=asyncssh.DEVNULL, timeout=SECONDS, errors="replace")
    exit = done.exit_status if done.exit_status is not None and done.exit_status >= 0 else None
    return {"exit": exit, "stdout": str(done.stdout or ""), "stderr": str(done.stderr or ""),
            "seconds": round(time.monotonic() - began, 3)}  # fmt: skip


async def record(
    to: Address, known_hosts: str | None, wanted: list[Form], names: Names
) -> list[dict[str, Any]]:
    """Run the forms one after the other and give the cases, names not yet replaced."""
    async with await connect(to, known_hosts) as connection:
        for command in ("uname -n", "hostname"):
            for word in (await _ask(connection, command))["stdout"].split():
                names.learn(word, "H")
                names.learn(word.partition(".")[0], "H")
        listed = await _ask(connection, f"{BIN}/symdg list -output xml_e")
        for group in re.findall(r"<name>([^<]+)</name>", listed["stdout"]):
            names.learn(group, "G")
        listed = await _ask(connection, f"{BIN}/symdg list")
        for group in re.findall(r"^ +(\S+) +(?:REGULAR|ANY|RDF\w*) ", listed["stdout"], re.MULTILINE):
            names.learn(group, "G")
        env = (await _ask(connection, "env"))["stdout"]
        kept = {
            k: v
            for k, v in (line.split("=", 1) for line in env.splitlines() if "=" in line)
            if k.startswith(("SYMCLI_", "SYMAPI_", "LC_")) or k in ("LANG", "TZ")
        }
        banner = (await _ask(connection, f"{BIN}/symcli"))["stdout"]
        version = re.search(r"Version (V[\d.]+)", banner)
        cases = []
        for form in wanted:
            settings = [f"{k}={v}" for k, v in ENVIRONMENT.items()]
            words = ["env", *settings, f"{BIN}/{form.words[0]}", *form.words[1:]]
            answer = await _ask(connection, shlex.join(words))
            cases.append({
                "name": form.name, "command": list(form.words), "control": form.control,
                "environment": {**kept, **ENVIRONMENT}, "se_version": version[1] if version else "unknown",
                "recorded": datetime.now(UTC).isoformat(timespec="seconds"), **answer,
            })  # fmt: skip
            print(
                f"{form.name:<24} exit {answer['exit']}, {len(answer['stdout'])} characters", file=sys.stderr
            )
    return cases


def hidden(value: Any, names: Names) -> Any:
    """A case with every name in its texts replaced."""
    if isinstance(value, str):
        return names.hide(value)
    if isinstance(value, dict):
        return {k: hidden(v, names) for k, v in value.items()}
    return [hidden(v, names) for v in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write(cases: list[dict[str, Any]], directory: Path, names: Names) -> list[Path]:
    """One file a case; all names are learned before the first is written, and none may be left."""
    for case in cases:
        hidden({k: v for k, v in case.items() if k != "recorded"}, names)
    texts: dict[Path, str] = {}
    for number, case in enumerate(cases, start=1):
        clean = {k: v if k == "recorded" else hidden(v, names) for k, v in case.items()}
        text = yaml.dump(clean, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
        if left := names.left_in(text):
            raise RecordError(f"{case['name']}: {len(left)} names could not be replaced; nothing was written")
        texts[directory / f"{number:02d}-{clean['name']}.yaml"] = text
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _confirmed(wanted: list[Form], to: Address) -> bool:
    controls = [" ".join(f.words) for f in wanted if f.control]
    print(f"These commands change copies on {to.host}; their targets lose their data:", *controls, sep="\n  ")
    print("Type OVERWRITE to send them: ", end="", flush=True)
    return sys.stdin.readline().strip() == "OVERWRITE"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab record", description=__doc__)
    parser.add_argument("--host", required=True, metavar="CONNECTION|user@host:port")
    parser.add_argument("--key", metavar="FILE", help="private key (default: the connection's)")
    parser.add_argument("--host-key", metavar="LINE", help="'ssh-ed25519 AAAA...' of the host")
    parser.add_argument("--known-hosts", metavar="FILE", help="default: ~/.ssh/known_hosts")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--sid", default="", help="the array, all 12 digits")
    parser.add_argument("--devices", default="", metavar="A,B")
    parser.add_argument("--groups", default="", metavar="DG,DG")
    parser.add_argument("--hide", default="", metavar="NAME,NAME", help="more names to replace")
    parser.add_argument(
        "--names", metavar="FILE", help="keep the stand-ins here for the next recording; private"
    )
    parser.add_argument("--forms", default=str(FORMS), metavar="FILE", help="other command forms")
    parser.add_argument("--controls", action="store_true", help="also what changes copies; asks first")
    return parser


def main(words: list[str]) -> int:
    arguments = _parser().parse_args(words)
    groups = [g for g in arguments.groups.split(",") if g]
    given = {"sid": [arguments.sid], "devices": [arguments.devices], "group": groups}
    given = {name: [value for value in values if value] for name, values in given.items()}
    try:
        if arguments.sid and not re.fullmatch(r"\d{12}", arguments.sid):
            raise RecordError("--sid wants all 12 digits: a short one could not be told from a device number")
        to = address(arguments.host, arguments.key, arguments.host_key)
        wanted = [f for f in forms(Path(arguments.forms), given) if arguments.controls or not f.control]
        if arguments.controls and not _confirmed(wanted, to):
            raise RecordError("not confirmed; nothing was sent")
        file = Path(arguments.names) if arguments.names else None
        if file and Path(arguments.out).resolve() in file.resolve().parents:
            raise RecordError("--names tells what was hidden: keep it out of --out")
        names = Names(json.loads(file.read_text()) if file and file.exists() else None)
        for name, prefix in [(to.host, "H"), (to.host.partition(".")[0], "H"), *((g, "G") for g in groups)]:
            if not name.isdigit():
                names.learn(name, prefix)
        for name in [n for n in arguments.hide.split(",") if n]:
            names.learn(name)
        cases = asyncio.run(record(to, arguments.known_hosts, wanted, names))
        written = write(cases, Path(arguments.out), names)
        if file:
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                json.dump(names.table, out, indent=2)
    except (RecordError, OSError, asyncssh.Error, TimeoutError) as error:
        print(f"record: {error or type(error).__name__}", file=sys.stderr)
        return 2
    print(f"{len(written)} files in {arguments.out}. Read them before you give them away.")
    return 0
