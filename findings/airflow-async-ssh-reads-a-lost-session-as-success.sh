#!/usr/bin/env bash
# The SSH provider's asynchronous hook says exit code 0 when the connection was lost in the middle of a command.
#
# Software: apache-airflow 3.3.2, apache-airflow-providers-ssh 7.0.1, asyncssh 2.24.1 (client, and server on loopback),
# paramiko 5.1.0, Python 3.11.
#
# Expected: a command whose end nobody saw is an error, or at least no 0.
# Seen: the server sends half of its output and then drops the connection:
#     SSHHook.exec_ssh_client_command      (-1, half of the output)
#     SSHHookAsync.run_command             ( 0, half of the output)
# asyncssh gives `exit_status` None then, and the hook turns each None into 0. A command that ends with 3 gives 3 in both.
#
# Why it matters: waiting for a copy is what triggers are for. A poll whose connection breaks reads "yes, copied", and
# what comes next is an activation. With the hook's `get_conn()` and asyncssh's own `run` the None can be seen.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 \
    apache-airflow-providers-ssh==7.0.1 asyncssh==2.24.1 paramiko==5.1.0

export AIRFLOW_HOME="$work/airflow" AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR PYTHONWARNINGS=ignore
cat >"$work/play.py" <<'PY'
import asyncio
import json
import os

import asyncssh

connections = []


class Server(asyncssh.SSHServer):
    def connection_made(self, conn):
        connections.append(conn)

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return True


async def remote(process):
    if process.command == "exit 3":
        process.exit(3)
        return
    process.stdout.write("half of the output\n")
    await asyncio.sleep(0.5)
    connections[-1].abort()


async def main():
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Server, process_factory=remote,
                                   server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")])
    os.environ["AIRFLOW_CONN_ARRAY"] = json.dumps(
        dict(conn_type="ssh", host="127.0.0.1", port=server.get_port(), login="user", password="any",
             extra={"no_host_key_check": True}))
    from airflow.providers.ssh.hooks.ssh import SSHHook, SSHHookAsync

    def blocking(command):
        hook = SSHHook(ssh_conn_id="ARRAY", cmd_timeout=20)
        with hook.get_conn() as client:
            code, out, _ = hook.exec_ssh_client_command(client, command, get_pty=False, environment=None, timeout=20)
        return code, out.decode()

    seen = {}
    for command in ("exit 3", "copied?"):
        code, out, _ = await asyncio.wait_for(SSHHookAsync(ssh_conn_id="ARRAY").run_command(command), 30)
        seen[command] = {"async": (code, out), "blocking": await asyncio.to_thread(blocking, command)}
        print(command, seen[command])
    lost = "half of the output\n"
    if seen["exit 3"] != {"async": (3, ""), "blocking": (3, "")}:
        raise SystemExit("changed: exit 3")
    if seen["copied?"] != {"async": (0, lost), "blocking": (-1, lost)}:
        raise SystemExit("changed: the lost connection")


asyncio.run(main())
PY
"$work/venv/bin/python" "$work/play.py"
