# Production: a PostgreSQL whose data and archived WAL are on two devices. Its settings stand before this text.
#
#   make DEVICE DEVICE  file systems, a cluster and its start; once
#   begin, end          a backup for as long as the data's copy is split; `end` puts its label to the archived WAL
#   switch              ends the WAL segment and waits until that is archived
#   stop
#
# `begin`, `end` and `switch` bear being run twice. What happened when is in /srv/notes. Where the file /srv/spoil
# is, `switch` makes the copy a bad one.
set -eu
cd /
DATA=/srv/prod/data ARCHIVE=/srv/prod/archive RUN=/srv/run

as() { setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; }
sql() { as "$BIN/psql" -XAtq -v ON_ERROR_STOP=1 -h "$RUN" -U postgres -d postgres "$@"; }
note() { echo "$1 $(date +%s.%N)" >>/srv/notes; }
fail() { echo "$*" >&2; exit 1; }

# Wait up to a minute; what is waited for is a command.
await() {
    end=$(($(date +%s) + 60))
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || fail "not within a minute: $*"
        sleep 0.02
    done
}

# What a file system is made on: a volume of LVM when the name of a group was set, else the disk as it is.
volume() {
    [ -n "$LVM" ] || { echo "$2"; return; }
    vgcreate -qq -y "${LVM}_$1" "/dev/loop$((0x$(stat -c %T "$2")))" >&2
    lvcreate -qq -y -l 100%FREE -n lv "${LVM}_$1" >&2
    echo "/dev/${LVM}_$1/lv"
}

make() {
    data=$(volume data "$1") archive=$(volume archive "$2")
    mkfs.ext4 -q "$data"
    mkfs.xfs -q "$archive"
    mount -t ext4 "$data" $DATA
    mount -t xfs "$archive" $ARCHIVE
    mkdir -p $RUN
    chown postgres:postgres $DATA $ARCHIVE $RUN
    as "$BIN/initdb" -D $DATA/pg -U postgres --auth=trust --encoding=UTF8 --locale=C --wal-segsize=1 --no-sync >/dev/null
    cat >>$DATA/pg/postgresql.conf <<EOF
listen_addresses = ''
unix_socket_directories = '$RUN'
shared_buffers = 16MB
min_wal_size = 4MB
max_wal_size = 64MB
archive_mode = on
archive_command = 'test ! -f $ARCHIVE/%f && cp %p $ARCHIVE/%f.part && sync $ARCHIVE/%f.part && mv $ARCHIVE/%f.part $ARCHIVE/%f'
EOF
    as "$BIN/pg_ctl" -D $DATA/pg -l $RUN/log -w start >/dev/null 2>&1 || fail "$(tail -n 5 $RUN/log)"
}

# A backup lasts as long as the session that began it.
begin() {
    leave
    rm -f $RUN/ask $RUN/answer
    as mkfifo $RUN/ask
    setsid setpriv --reuid=postgres --regid=postgres --clear-groups -- "$BIN/psql" -XAtq -v ON_ERROR_STOP=1 \
        -h $RUN -U postgres -d postgres <>$RUN/ask >$RUN/answer 2>&1 &
    echo $! >$RUN/session
    id=$(date +%s%N)
    printf '%s\n' "SELECT pg_backup_start('$id', true);" '\echo begun' >$RUN/ask
    await said begun
    # On the data's device: the copy must say which label is its own.
    echo "$id" | as tee $DATA/pg/backup_id >/dev/null
    note begin
}

said() {
    kill -0 "$(cat $RUN/session)" 2>/dev/null && alive=yes || alive=
    grep -q "^$1\$" $RUN/answer && return 0
    [ -n "$alive" ] || fail "the session has ended: $(cat $RUN/answer)"
    return 1
}

leave() {
    [ -f $RUN/session ] || return 0
    kill "$(cat $RUN/session)" 2>/dev/null || :
    rm -f $RUN/session
}

end() {
    id=$(cat $DATA/pg/backup_id)
    [ -f "$ARCHIVE/backup_label.$id" ] && return 0
    [ -f $RUN/session ] || fail "no backup was begun"
    printf '%s\n' "\\o $RUN/label" 'SELECT labelfile FROM pg_backup_stop(false);' '\o' '\echo ended' '\q' >$RUN/ask
    await said ended
    as cp $RUN/label "$ARCHIVE/backup_label.$id"
    rm -f $RUN/session
    note end
}

switch() {
    note switch
    segment=$(sql -c "SELECT pg_walfile_name(pg_switch_wal())")
    await test -f "$ARCHIVE/$segment"
    note "archived"
    [ ! -f /srv/spoil ] || spoil
}

# Somebody tidies up too early: the archived WAL that the last backup begins with is gone, once.
spoil() {
    label=$ARCHIVE/backup_label.$(cat $DATA/pg/backup_id)
    rm "$ARCHIVE/$(sed -n 's/^START WAL LOCATION: .*(file \(.*\))$/\1/p' "$label")"
    rm /srv/spoil
}

case ${1:-} in
make) make "$2" "$3" ;;
begin | end | switch) "$1" ;;
stop)
    leave
    as "$BIN/pg_ctl" -D $DATA/pg -m fast -w stop >/dev/null
    ;;
*) fail "usage: $0 make DATA ARCHIVE|begin|end|switch|stop" ;;
esac
