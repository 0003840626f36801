#!/bin/sh
# before_start: no name or address of a customer is left in this copy of a PostgreSQL. Ends with 0 only when that
# is so and the server is down again. Safe to run twice. Run it as the server's account.
set -eu
DATA=${1:?the data folder of the copy} BIN=/usr/lib/postgresql/15/bin
LOG=$DATA/../mask.log
HERE=$(mktemp -d) # only this account reaches the server there
stop() {
    "$BIN/pg_ctl" -D "$DATA" -m fast -w stop >>"$LOG"
}
works_here() { # whether the process that postmaster.pid names works in DATA: else it is the original's
    test -f "$DATA/postmaster.pid" || return 1
    pid=$(head -n 1 "$DATA/postmaster.pid")
    test "$(stat -Lc %d:%i "/proc/$pid/cwd" 2>/dev/null)" = "$(stat -c %d:%i "$DATA")"
}
sql() {
    "$BIN/psql" -XqAt -h "$HERE" -p 5432 -d shop -v ON_ERROR_STOP=1 "$@"
}
if works_here; then stop; else rm -f "$DATA/postmaster.pid"; fi # of a try that was cut off
"$BIN/pg_ctl" -D "$DATA" -w -l "$LOG" -o "-p 5432 -c listen_addresses= -c unix_socket_directories=$HERE" start >>"$LOG"
trap 'stop; rm -rf "$HERE"' EXIT
sql <<'SQL'
BEGIN;
UPDATE customer SET name = 'customer ' || id, mail = id || '@example.invalid';
COMMIT;
VACUUM FULL customer;
SQL
left=$(sql -c "SELECT count(*) FROM customer WHERE mail NOT LIKE '%@example.invalid'")
if [ "$left" != 0 ]; then
    echo "$left customers are not masked" >&2
    exit 1
fi
trap - EXIT
stop
rm -rf "$HERE"
