#!/usr/bin/env bash
# The database or its folder becomes read-only: under a running daemon, whose answers are then 503 until it is over, and before a start, which
# is refused with one line.  What needs rights that this machine does not give is left out, and said.     readonly.sh BIN
if [ -z "${TRIMTAB_NAMESPACE:-}" ] && unshare -m true 2>/dev/null; then
    TRIMTAB_NAMESPACE=1 exec unshare -m "$0" "$@"
fi
bin=$1
. tests/lib/experimentd.sh
. tests/lib/trouble.sh
make_model
trap 'chattr -i "$work"/data/* 2>/dev/null || true; umount -l "$work/data" 2>/dev/null || true; finish' EXIT
shown=

# Without root's right to write everywhere.
if [ "$(id -u)" -eq 0 ]; then
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)
    chmod 0755 "$work"
    chmod a+r "$work/model" "$work/dataset"
    mkdir -m 0700 "$work/data"
    chown 65534:65534 "$work/data"
fi
open_round

# TEXT: a start on the folder ends with exit code 1 and one line that has the text.
start_refused() {
    local code=0
    timeout 20 "${as[@]}" "$bin/trimtab-experimentd" --listen 127.0.0.1:0 --data "$work/data" --model "$work/model" --dataset "$work/dataset" \
        >"$work/out" 2>&1 || code=$?
    [ "$code" = 1 ] || fail "$1: exit code $code, not 1: $(cat "$work/out")"
    [ "$(wc -l <"$work/out")" = 1 ] || fail "$1: not one line: $(cat "$work/out")"
    grep -q "cannot start.*$work/data.*$1" "$work/out" || fail "\"$1\" is not in: $(cat "$work/out")"
}
stop() { kill -TERM "$daemon"; wait "$daemon" || fail "SIGTERM: exit code $?"; daemon=; }

# The folder: files that are open stay open, so a running daemon does not notice.
chmod 0500 "$work/data"
recovered closed
stop
start_refused 'Permission denied'
chmod 0700 "$work/data"
start
[ "$(clicks)" = "$happened" ] || fail "$(clicks) clicks after the folder was closed, not $happened"
shown="a closed folder"

# The files of a running daemon: whoever they belong to, nobody may write them now.
exec 3>"$work/data/stone"
if chattr +i "$work/data/stone" 2>/dev/null && ! echo x 2>/dev/null >&3; then
    chattr +i "$work/data/experiments.db-wal"
    refused immutable 'disk I/O error' "events $(event e-immutable)" "rank $inside_rank"
    chattr -i "$work/data/experiments.db-wal"
    recovered immutable
    chattr +i "$work/data/experiments.db" # what is written waits in the WAL
    recovered immutable-database
    chattr -i "$work/data/experiments.db"
    for _ in $(seq 200); do
        [ -s "$work/data/experiments.db-wal" ] || break
        sleep 0.05
    done
    [ ! -s "$work/data/experiments.db-wal" ] || fail "the WAL stays"
    shown="$shown, files that nobody may write"
else
    echo "chattr +i is not allowed here, or does not stop a file that is open: files that become read-only are not shown"
fi
exec 3>&-
chattr -i "$work/data/stone" 2>/dev/null || true

# A file system that is mounted read-only.
stop
if [ -n "${TRIMTAB_NAMESPACE:-}" ] && mount --bind "$work/data" "$work/data" 2>/dev/null && mount -o remount,bind,ro "$work/data"; then
    start_refused 'Read-only file system'
    umount "$work/data"
    shown="$shown, a read-only mount"
else
    echo "mount --bind is not allowed here: a read-only mount is not shown"
fi
start
check_restart
echo "$shown: refused, then as if nothing had happened"
