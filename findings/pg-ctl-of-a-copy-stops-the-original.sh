#!/usr/bin/env bash
# `pg_ctl -D COPY stop` shuts the original down, on a host that has both.
#
# Software: PostgreSQL as packaged by Debian (its version is printed; seen with 15.18).
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

# PostgreSQL refuses to run as root: the rest is run as an account without rights then.
if [ "$(id -u)" = 0 ]; then
  exec setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups env -u TMPDIR HOME=/ bash -c "$(cat "$0")"
fi
cd /
bin=${PGBIN:-$(find /usr/lib/postgresql -path '*/bin/pg_ctl' -printf '%h\n' 2>/dev/null | sort -V | tail -n 1)}
[ -x "$bin/initdb" ] || { echo 'PostgreSQL is needed: apt-get install postgresql' >&2; exit 2; }
"$bin/postgres" --version

work=$(mktemp -d)
end() {
  for one in original copy; do "$bin/pg_ctl" -D "$work/$one" -m immediate stop >/dev/null 2>&1 || true; done
  rm -rf "$work"
}
trap end EXIT
changed() { echo "changed: $1" >&2; exit 1; }
sql() { "$bin/psql" -X -h "$work" -p "$1" -U owner -d postgres -Atqc "$2"; }
start() { "$bin/pg_ctl" -D "$work/$1" -w -o "-p $2" -l "$work/$1.log" start >/dev/null; }

"$bin/initdb" -D "$work/original" -U owner -A trust -k >/dev/null
printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$work" >>"$work/original/postgresql.conf"
start original 5551
sql 5551 "create table t(who text); insert into t values ('both'); checkpoint"

cp -a "$work/original" "$work/copy" # as the array does it: while the original runs

status=0
"$bin/pg_ctl" -D "$work/copy" status || status=$?
stop=0
"$bin/pg_ctl" -D "$work/copy" -m fast -t 5 stop || stop=$?
original=0
"$bin/pg_ctl" -D "$work/original" status || original=$?
echo "copy status: $status, copy stop: $stop, original status: $original"
[ "$status" = 0 ] || changed 'status of a copy that never ran'
[ "$stop" = 1 ] || changed 'exit code of stop'
[ "$original" = 3 ] || changed 'the original is still running'
