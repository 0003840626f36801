#!/usr/bin/env bash
# A page that is not JSON makes PyU4V say that there are no snapshots, storage groups or volumes.
#
# Software: PyU4V 10.4.0.0 with requests 2.34.2, Python 3.11; the server is Python's, on loopback.
#
# Expected: a proxy or an appliance in maintenance answers 200 with a page of HTML; the client raises an error.
# Seen: the body cannot be parsed, so it counts as an empty answer, and an empty answer as an empty list. Nothing is raised:
#     the call                                                    JSON            HTML, 200
#     provisioning.get_storage_group_list()                       ['db1']         []
#     replication.get_storage_group_snapshot_list('db1')          ['night']       []
#     replication.get_storage_group_snapshot_snap_id_list(...)    [7]             []
#     provisioning.get_storage_group('db1')                       a dictionary    None
# The same page with status 503 raises.
#
# Why it matters: "no snapshot of that name" is what a program sees before it makes a first one, or when it tidies up
# what is no longer listed. An empty list from this client means "none" or "I could not read the answer"; look with a
# call whose answer must not be empty (the array itself, the storage group) before acting on it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyu4v==10.4.0.0 requests==2.34.2

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key" -out "$work/cert" -days 2 -subj /CN=localhost 2>/dev/null
cat >"$work/play.py" <<'PY'
import http.server
import json
import logging
import ssl
import sys
import threading

import PyU4V

logging.disable(logging.CRITICAL)
folder = sys.argv[1]
page = None  # a status: answer with a page of HTML instead


class Unisphere(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        if page:
            status, kind, body = page, "text/html", b"<html><title>Maintenance</title></html>"
        else:
            status, kind = 200, "application/json"
            if self.path.endswith("/version"):
                answer = {"version": "V10.4.0.0"}
            elif "/snapshot" in self.path:
                answer = {"name": ["night"], "snapids": [7]}
            else:
                answer = {"storageGroupId": ["db1"]}
            body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unisphere)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/cert", f"{folder}/key")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

array = PyU4V.U4VConn(username="user", password="any", server_ip="127.0.0.1", port=server.server_port, verify=False,
                      array_id="000000000001")
calls = {
    "storage groups": lambda: array.provisioning.get_storage_group_list(),
    "snapshots": lambda: array.replication.get_storage_group_snapshot_list("db1"),
    "snapshot ids": lambda: array.replication.get_storage_group_snapshot_snap_id_list("db1", "night"),
    "storage group": lambda: array.provisioning.get_storage_group("db1"),
}


def seen():
    found = {}
    for name, call in calls.items():
        try:
            found[name] = call()
        except Exception as error:
            found[name] = type(error).__name__
    return found


want = {
    None: {"storage groups": ["db1"], "snapshots": ["night"], "snapshot ids": [7],
           "storage group": {"storageGroupId": ["db1"]}},
    200: {"storage groups": [], "snapshots": [], "snapshot ids": [], "storage group": None},
    503: dict.fromkeys(calls, "VolumeBackendAPIException"),
}
wrong = []
for page in want:
    found = seen()
    print("JSON" if page is None else f"HTML, {page}", found)
    if found != want[page]:
        wrong.append(page)
if wrong:
    raise SystemExit(f"changed: {wrong}")
PY
# These variables would overrule verify=False of the one certificate that was made above.
env -u REQUESTS_CA_BUNDLE -u CURL_CA_BUNDLE "$work/venv/bin/python" -W ignore "$work/play.py" "$work"
