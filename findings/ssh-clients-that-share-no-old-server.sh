#!/usr/bin/env bash
# Of two SSH clients in one Airflow each reaches old servers that the other refuses.
#
# Software: paramiko 5.1.0, asyncssh 2.24.1 (client, and server on loopback), Python 3.11.
#
# Expected: the newer, stricter client reaches a subset of what the other one reaches.
# Seen: with both at their defaults, against servers that offer one thing only,
#     cipher aes256-cbc:                          paramiko logs in, asyncssh: KeyExchangeFailed
#     key exchange diffie-hellman-group14-sha1:   paramiko: IncompatiblePeer, asyncssh logs in
# Neither set contains the other.
#
# Why it matters: Airflow's SSH provider uses paramiko in tasks and asyncssh in triggers, on one and the same connection.
# Hosts with copies are often old Unix servers. There the step that starts a copy works and the wait for it fails, or the
# other way round, and a test of the connection in a task says nothing about the wait.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check paramiko==5.1.0 asyncssh==2.24.1

cat >"$work/play.py" <<'PY'
import asyncio
import logging

import asyncssh
import paramiko

logging.disable(logging.CRITICAL)


class Server(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return True


def by_paramiko(port):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    try:
        client.connect("127.0.0.1", port, "user", "any", look_for_keys=False, allow_agent=False)
        return "in"
    except paramiko.SSHException as error:
        return type(error).__name__
    finally:
        client.close()


async def by_asyncssh(port):
    try:
        async with asyncssh.connect("127.0.0.1", port, username="user", password="any", known_hosts=None,
                                    config=None, client_keys=None):
            return "in"
    except asyncssh.Error as error:
        return type(error).__name__


async def main():
    want = {
        "everything": ({}, "in", "in"),
        "aes256-cbc": ({"encryption_algs": ["aes256-cbc"]}, "in", "KeyExchangeFailed"),
        "group14-sha1": ({"kex_algs": ["diffie-hellman-group14-sha1"]}, "IncompatiblePeer", "in"),
    }
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    wrong = []
    for name, (options, paramiko_want, asyncssh_want) in want.items():
        server = await asyncssh.listen("127.0.0.1", 0, server_factory=Server, server_host_keys=[key], **options)
        port = server.get_port()
        seen = await asyncio.to_thread(by_paramiko, port), await by_asyncssh(port)
        print(f"server with {name}: paramiko {seen[0]}, asyncssh {seen[1]}")
        if seen != (paramiko_want, asyncssh_want):
            wrong.append(name)
        server.close()
    if wrong:
        raise SystemExit(f"changed: {wrong}")


asyncio.run(main())
PY
"$work/venv/bin/python" -W ignore "$work/play.py"
