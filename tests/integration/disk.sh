#!/usr/bin/env bash
# A file that may not grow, a file system that is full, a database that another process has locked: 503 with Retry-After, requests that
# record nothing are served, and what is repeated afterwards counts once, without a restart.     tests/integration/disk.sh BIN
if [ -z "${TRIMTAB_NAMESPACE:-}" ] && unshare -m true 2>/dev/null; then
    TRIMTAB_NAMESPACE=1 exec unshare -m "$0" "$@" # a small file system of our own
fi
bin=$1
. tests/lib/experimentd.sh
. tests/lib/trouble.sh
make_model
small=
if [ -n "${TRIMTAB_NAMESPACE:-}" ] && mkdir -m 0700 "$work/data" && mount -t tmpfs -o size=2m,mode=0700 tmpfs "$work/data" 2>/dev/null; then
    small=yes
    trap 'umount -l "$work/data"; finish' EXIT
fi
trap '' XFSZ # a write beyond the limit then fails instead of ending the daemon, as on a full disk
open_round

prlimit --pid "$daemon" --fsize=1:unlimited
refused limited 'disk' "events $(event e-limited)" "rank $named_rank"
prlimit --pid "$daemon" --fsize=unlimited:unlimited
recovered limited

mkfifo "$work/fifo"
"$bin/bench_database" lock "$work/data/experiments.db" 30000 >"$work/fifo" & # longer than the daemon waits for it
locker=$!
read -r _ <"$work/fifo"
refused locked 'locked' "events $(event e-locked)"
kill "$locker"; wait "$locker" 2>/dev/null || true
recovered locked
grep -q 'level=error msg="nothing can be written" reason=.*locked' "$work/log" || fail "the log does not say that the database was locked"
grep -q 'level=info msg="writes go through again"' "$work/log" || fail "the log does not say that it is over"

if [ -n "$small" ]; then
    # It stays full: what a checkpoint gives back is taken again.  (At most its 2 MB, and in nobody's background.)
    meanwhile() { dd if=/dev/zero bs=4k count=512 oflag=append conv=notrunc of="$work/data/filler" status=none 2>/dev/null || true; }
    for i in $(seq 400); do # blocks that files have already take a few more
        meanwhile
        call POST /v1/rank "$inside_rank" >/dev/null
        [ "$(cat "$work/status")" = 200 ] || break
    done
    [ "$i" -lt 400 ] || fail "a full file system takes everything"
    refused full 'full' "rank $inside_rank"
    meanwhile() { :; }
    rm "$work/data/filler"
    recovered full
else
    echo "no file system of our own here (unshare -m, mount): a full one is not shown"
fi
check_restart
echo "limited, locked${small:+, full}: 503, then as if nothing had happened"
