# The test instance: the PostgreSQL on the clones, as an application. Its settings stand before this text.
#
#   start   the first time on a fresh copy: recovery from the archived WAL alone, to its end
#   stop
#   check   0: it runs, 3: it does not; anything else: not known
#   force DEVICE DEVICE  the start of a copy that can not be recovered, mounted if it is not, and without any WAL:
#           what is lost stays lost
#   rename WHAT DEVICE  with LVM: give the group on a fresh copy a name and identifiers of its own
set -eu
cd /
DATA=/srv/test/data ARCHIVE=/srv/test/archive RUN=/srv/run

as() { setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; }
fail() { echo "$*" >&2; exit 1; }

# Of this host: it has a process table of its own.
processes() { cat /proc/[0-9]*/comm 2>/dev/null | grep -qx postgres; }

# A copy brings production's postmaster.pid along, by which pg_ctl takes any process of that number for its own.
# Only the server that works in this very folder is: 0 it runs, 1 it does not.
ours() {
    [ -f $DATA/pg/postmaster.pid ] || return 1
    pid=$(head -n 1 $DATA/pg/postmaster.pid)
    [ -d "/proc/$pid" ] || return 1
    at=$(stat -Lc %d:%i "/proc/$pid/cwd") || exit 2
    [ "$at" = "$(stat -c %d:%i $DATA/pg)" ]
}

control() { as "$BIN/pg_ctl" -D $DATA/pg "$@" >/dev/null 2>&1; }
# Who has asked a server that was not up yet is told so, too.
refused() {
    why=$(grep -E 'FATAL|PANIC|ERROR' $RUN/log | grep -v 'the database system is ') || why=$(tail -n 5 $RUN/log)
    fail "PostgreSQL does not start: $why"
}

# pg_ctl waits until it recovers; this until it has recovered.
run() {
    control -l $RUN/log -w -t 120 start -o "-c unix_socket_directories=$RUN -c archive_mode=off \
        -c hot_standby=off -c restore_command='cp $ARCHIVE/%f %p'" || refused
    until as "$BIN/psql" -Xq -h $RUN -U postgres -d postgres -c 'SELECT 1' >/dev/null 2>&1; do
        ours || refused
        sleep 0.05
    done
}

start() {
    mkdir -p $RUN
    chown postgres:postgres $RUN
    : >$RUN/log
    chown postgres:postgres $RUN/log
    if [ -f $DATA/pg/backup_id ]; then
        # Production's own WAL does not belong to the copy: what is not archived is not there.
        find $DATA/pg/pg_wal -type f -delete
        rm -f $DATA/pg/postmaster.pid $DATA/pg/postmaster.opts
        label=$ARCHIVE/backup_label.$(cat $DATA/pg/backup_id)
        [ ! -f "$label" ] || as cp "$label" $DATA/pg/backup_label
        as touch $DATA/pg/recovery.signal
    fi
    run
    rm -f $DATA/pg/backup_id
}

case ${1:-} in
start) start ;;
force)
    for what in data archive; do
        [ -z "$LVM" ] || vgchange -qq -a y "${LVM}_$what"
    done
    mountpoint -q $DATA || mount -t ext4 "$2" $DATA
    mountpoint -q $ARCHIVE || mount -t xfs -o nouuid "$3" $ARCHIVE
    rm -f $DATA/pg/recovery.signal $DATA/pg/backup_id
    ours || rm -f $DATA/pg/postmaster.pid
    as "$BIN/pg_resetwal" -f -D $DATA/pg >/dev/null
    run
    ;;
stop)
    ours || fail "the server of $DATA/pg does not run"
    control -m fast -w stop
    ;;
check)
    if [ -f $DATA/pg/PG_VERSION ]; then
        ours && exit 0
    fi
    processes && fail "processes of PostgreSQL, and not of $DATA/pg"
    exit 3
    ;;
rename)
    disk=/dev/loop$((0x$(stat -c %T "$3")))
    [ "$(pvs --noheadings -o vg_name "$disk" | tr -d ' ')" = "${LVM}_$2" ] ||
        vgimportclone -qq --basevgname "${LVM}_$2" "$disk"
    ;;
*) fail "usage: $0 start|stop|check|force DATA ARCHIVE|rename WHAT DEVICE" ;;
esac
