#!/usr/bin/env bash
# A known_hosts line that OpenSSH and asyncssh go by does not count for paramiko.
#
# Software: paramiko 5.1.0, asyncssh 2.24.1 (client, and server on loopback), the OpenSSH client at hand (its version is
# printed; seen with 9.2p1), Python 3.11.
#
# Expected: three clients that read the same file know the same hosts.
# Seen: a server on a port other than 22, its key in known_hosts as
#     [127.0.0.1]:PORT        all three accept
#     127.0.0.1               OpenSSH and asyncssh accept; paramiko: "not found in known_hosts"
#     [127.0.0.*]:PORT        OpenSSH and asyncssh accept; paramiko: "not found in known_hosts"
# paramiko looks for the literal name with the port; a name without port does not stand in for it, and `*` is a letter.
#
# Why it matters: sites roll out one known_hosts with patterns for all hosts. A check with `ssh` passes, Airflow's
# triggers (asyncssh) pass, and each task (paramiko) is refused. The message names the host as unknown, not the line.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check paramiko==5.1.0 asyncssh==2.24.1

ssh -V
cat >"$work/play.py" <<'PY'
import asyncio
import logging
import pathlib
import sys

import asyncssh
import paramiko

logging.disable(logging.CRITICAL)
folder = pathlib.Path(sys.argv[1])
known = folder / "known_hosts"


class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return False


async def remote(process):
    process.exit(0)


async def by_openssh(port):
    process = await asyncio.create_subprocess_exec(
        "ssh", "-F", "none", "-p", str(port), "-l", "user", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
        "-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "UpdateHostKeys=no",
        "127.0.0.1", "true", stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    return "accepts" if await process.wait() == 0 else "refuses"


async def by_asyncssh(port):
    try:
        async with asyncssh.connect("127.0.0.1", port, username="user", known_hosts=str(known), config=None,
                                    client_keys=None):
            return "accepts"
    except asyncssh.HostKeyNotVerifiable:
        return "refuses"


def by_paramiko(port):
    client = paramiko.SSHClient()
    client.load_host_keys(str(known))
    try:
        client.connect("127.0.0.1", port, "user", "any", look_for_keys=False, allow_agent=False)
        return "accepts"
    except paramiko.AuthenticationException:
        return "accepts"  # the host key was taken; this server asks for no login, which paramiko does not expect
    except paramiko.SSHException as error:
        print("   paramiko says:", error)
        return "refuses" if "not found in known_hosts" in str(error) else repr(error)
    finally:
        client.close()


async def main():
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Server, server_host_keys=[key],
                                   process_factory=remote)
    port = server.get_port()
    public = key.export_public_key().decode().strip()
    wrong = []
    for name, paramiko_want in ((f"[127.0.0.1]:{port}", "accepts"), ("127.0.0.1", "refuses"),
                                (f"[127.0.0.*]:{port}", "refuses")):
        known.write_text(f"{name} {public}\n")
        seen = await by_openssh(port), await by_asyncssh(port), await asyncio.to_thread(by_paramiko, port)
        print(f"{name}: OpenSSH {seen[0]}, asyncssh {seen[1]}, paramiko {seen[2]}")
        if seen != ("accepts", "accepts", paramiko_want):
            wrong.append(name)
    if wrong:
        raise SystemExit(f"changed: {wrong}")


asyncio.run(main())
PY
"$work/venv/bin/python" -W ignore "$work/play.py" "$work"
