"""`scripts/demo`: a lab, an Airflow of its own, one refresh, and what came of it."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from clones.errors import ConfigError
from clones.runs.pools import pools_of
from demo.outcome import copies_of, points_in_time
from demo.real import rotation, show
from demo.refresh import STATUS, DemoError, Refresh, sweep
from demo.watch import Watch, lab_has_ended
from hooks.configuration import load
from lab import Client
from lab.config import load as load_lab
from private_airflow.instance import LocalAirflow, StartError
from private_airflow.lab import ROOT, LabError, LocalLab
from private_airflow.processes import ProcessError
from private_airflow.rest import RestError

FOLDER = ROOT / ".demo"
SERVICES = ROOT / "config" / "services.yaml"
POWERMAX, POWERMAX_LAB = ROOT / "docs" / "examples" / "powermax.yaml", ROOT / "lab" / "powermax.yaml"
WATCH_EVERY = 1.0  # seconds between two looks at what runs
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants us to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--service", help="one of config/services.yaml (aastmphpux), or of docs/examples/powermax.yaml (pm)"
    )
    parser.add_argument(
        "--powermax",
        action="store_true",
        help="instead: a PowerMax, by the REST API of its Unisphere; refreshed twice, and taken back",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="N", help="the lab's time runs N times as fast"
    )
    parser.add_argument("--port", type=int, metavar="N", help="of Airflow's UI (default: a free one)")
    parser.add_argument(
        "--real",
        action="store_true",
        help="instead: a real PostgreSQL on real blocks of this machine, refreshed three times while it "
        "writes, and once in the wrong order; needs root, takes about two minutes; only --rotate and --port "
        "go with it",
    )
    parser.add_argument(
        "--rotate",
        action="store_true",
        help="with --real: on two target sets; taken back from a bad copy, refreshed, and rewound",
    )
    parser.add_argument("--keep", action="store_true", help="leave lab and Airflow running until Ctrl-C")
    arguments = parser.parse_args(words)
    if arguments.rotate and not arguments.real:
        parser.error("--rotate goes with --real")
    if arguments.powermax and arguments.real:
        parser.error("--powermax does not go with --real")
    if arguments.keep and arguments.real:
        parser.error("--keep does not go with --real, which takes its disks and its database away at its end")
    arguments.service = arguments.service or ("pm" if arguments.powermax else "aastmphpux")
    return arguments


def _interrupt(number: int, _frame: object) -> NoReturn:
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)  # what has to be ended is ended in peace
    raise Interrupted(number)


@contextmanager
def _alone() -> Iterator[None]:
    """:raises DemoError: when another demo runs in this checkout."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("Another demo runs in this checkout. End it with Ctrl-C first.") from None
        yield


def _shown(path: Path) -> str:
    return os.path.relpath(path)


def _run(arguments: argparse.Namespace, stack: ExitStack) -> int:
    if arguments.real:
        stack.enter_context(_alone())
        shown = rotation.run if arguments.rotate else show.run
        return shown(FOLDER / "real", sys.stdout, port=arguments.port)
    name: str = arguments.service
    services, site = (POWERMAX, POWERMAX_LAB) if arguments.powermax else (SERVICES, None)
    config = load(services)
    if name not in config.services:
        raise ConfigError(f"There is no service {name!r}.", f"name one of: {', '.join(config.services)}")
    service = config.services[name]
    copies = copies_of(service, load_lab(site))
    print(
        f"This starts simulated arrays and hosts and an Airflow of its own in {_shown(FOLDER)}, "
        f"and {_told(arguments, name)}.",
        flush=True,
    )
    stack.enter_context(_alone())
    began = time.monotonic()
    lab = stack.enter_context(LocalLab(FOLDER / "lab", config=site, speed=arguments.speed))
    print(f"The lab is up after {time.monotonic() - began:.1f} s.", flush=True)
    began = time.monotonic()
    airflow = LocalAirflow(
        FOLDER / "airflow",
        dags=ROOT / "dags",
        plugins=ROOT / "plugins",
        connections=lab.connections,
        env={"SYMCLONE_CONFIG": str(services)},
        port=arguments.port,
        template=FOLDER / "airflow-template.db",
        fresh=True,
        pools=pools_of(config.limits, config.services),
    )
    stack.callback(airflow.stop, grace=1.0)  # nothing in there is kept
    airflow.start()
    print(f"Airflow is up after {time.monotonic() - began:.1f} s: {airflow.url}", flush=True)
    print(f"\nRefresh of {name}, seconds from the trigger:", flush=True)
    refresh = Refresh(airflow, lab, name, service, copies, sys.stdout)
    problems = refresh.run()
    if arguments.powermax and not problems:
        problems = _again_and_back(refresh)
    print("\nWhere to look")
    print(f"  task logs       {_shown(airflow.task_logs)}")
    print(f"  Airflow's own   {_shown(airflow.log('x').parent)}")
    print(f"  lab's journal   {_shown(lab.journal_path)}: every command, with the states before and after")
    print(f"  UI              {airflow.url}  user {next(iter(airflow.users))}  password {airflow.password}")
    if not arguments.keep:
        print("                  it ends with this demonstration: --keep leaves it running")
    if problems:
        print("\nThe demonstration FAILED:", *(f"  {problem}" for problem in problems), sep="\n")
    else:
        are = "of the first refresh" if arguments.powermax else "fresh"
        runs = f"{name} runs on copies that are {are}."
        print(f"\n{runs}" if service.resources else f"\nThe copies of {name} are {are}.")
    if arguments.keep:
        _look_at_all(airflow)
        print("The lab and Airflow keep running. Ctrl-C ends them.", flush=True)
        _wait_for_the_end(airflow, lab)
    return 1 if problems else 0


def _told(arguments: argparse.Namespace, name: str) -> str:
    if arguments.powermax:
        return f"refreshes {name} twice by REST, then rewinds it. It takes about three minutes"
    return f"refreshes {name}. It takes about a minute"


def _again_and_back(refresh: Refresh) -> list[str]:
    """A second refresh, and a rewind to the copy of the first one: what is wrong afterwards."""
    with Client(*refresh.lab.control) as lab:
        former = points_in_time(refresh.copies, lab)
    print(f"\nThe next refresh of {refresh.name}, which keeps the former snapshots:", flush=True)
    problems = refresh.run()
    if problems:
        return problems
    print(f"\nThe rewind of {refresh.name} to the copy before:", flush=True)
    return replace(refresh, former=former).run()


def _look_at_all(airflow: LocalAirflow) -> None:
    try:
        if not sweep(airflow):
            print(f"The look at all copies has not been done: the run of {STATUS} in the UI says why.")
    except (RestError, DemoError) as error:
        print(f"No look at all copies could be begun: {error}")


def _wait_for_the_end(airflow: LocalAirflow, lab: LocalLab) -> None:
    watch = Watch(airflow, lambda text: print(text, flush=True), time.monotonic)
    lab_is_up = True
    try:
        while True:
            watch.look()
            if lab_is_up and (code := lab.exit_code()) is not None:
                lab_is_up = False
                print(lab_has_ended(code, lab.log), flush=True)
            time.sleep(WATCH_EVERY)
    except Interrupted:
        print("\nEnding the lab and Airflow.", flush=True)


def main(words: list[str] | None = None) -> int:
    """:return: 0 when the refresh succeeded and the lab shows fresh copies and the service up, else 1."""
    arguments = _arguments(words)
    for number in ENDING:
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            return _run(arguments, stack)
    except Interrupted as interrupted:
        print("\nInterrupted; everything that was started has ended.", file=sys.stderr)
        return 128 + interrupted.number
    except (
        ConfigError,
        DemoError,
        LabError,
        LookupError,
        OSError,
        ProcessError,
        RestError,
        StartError,
    ) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
