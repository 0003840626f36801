"""Hands one command to the running lab and prints what comes back.

The lab copies this file for every simulated host and command, with the two names below filled in. It needs
nothing but the standard library, for it is started anew for every command behind `sshd`.
"""

from __future__ import annotations

import codecs
import itertools
import json
import os
import signal
import socket
import sys
import threading
from typing import Any, TextIO

SOCKET = "@SOCKET@"
HOST = "@HOST@"
PASSED_ON = ("SYMCLI_", "SYMAPI_")
MOST = 1 << 20


def header() -> dict[str, Any]:
    """What the client asked for; of a command of SYMCLI its words, settings and pair file."""
    name = os.path.basename(sys.argv[0])
    if name == "lab-shell":
        return {"host": HOST, "command": os.environ.get("SSH_ORIGINAL_COMMAND")}
    files = {}
    words = sys.argv[1:]
    for option, path in itertools.pairwise(sys.argv[1:]):
        if option.lower() in ("-f", "-file") and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                files[os.path.abspath(path)] = file.read(MOST)
            words[words.index(path)] = os.path.abspath(path)
    env = {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)}
    return {"host": HOST, "name": name, "words": words, "env": env, "files": files}


def send_input(stream: TextIO) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    try:
        while data := os.read(0, 65536):
            stream.write(json.dumps({"in": decoder.decode(data)}) + "\n")
            stream.flush()
        stream.write('{"eof": true}\n')
        stream.flush()
    except (OSError, ValueError):
        pass


def watch_parent(parent: int) -> None:
    """When sshd gives the session up, so does this."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(1)
    os._exit(255)


def main() -> int:
    try:
        lab = socket.socket(socket.AF_UNIX)
        lab.connect(SOCKET)
    except OSError as error:
        sys.stderr.write(f"the lab does not run: {error}\n")
        return 255
    # Two files, for two threads: writing to one that is read, too, forgets what was read ahead.
    stream = lab.makefile("r", encoding="utf-8", newline="\n")
    sent = lab.makefile("w", encoding="utf-8", newline="\n")
    sent.write(json.dumps(header()) + "\n")
    sent.flush()
    threading.Thread(target=send_input, args=(sent,), daemon=True).start()
    threading.Thread(target=watch_parent, args=(os.getppid(),), daemon=True).start()
    for line in stream:
        answer = json.loads(line)
        if "exit" in answer:
            return int(answer["exit"])
        if "lost" in answer:
            break
        for key, number in (("out", 1), ("err", 2)):
            data = answer.get(key, "").encode("utf-8", "surrogateescape")
            while data:
                data = data[os.write(number, data) :]
    os.kill(os.getpid(), signal.SIGKILL)  # no exit status: to the client the command is lost
    return 255


if __name__ == "__main__":
    os._exit(main())
