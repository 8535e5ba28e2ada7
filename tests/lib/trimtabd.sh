# Sourced by tests/integration/trimtabd_*.sh: a trimtabd in a folder of its own.   bin=the programs' folder
set -euo pipefail
work=$(mktemp -d /tmp/trimtab_trimtabd_XXXXXX)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

fail() { echo "FAIL: $*" >&2; tail -n 20 "$work"/*.log >&2 2>/dev/null || true; exit 1; }

# NAME FOLDER PROGRAM ARGS...: starts it, its log in $work/NAME.log, and waits for FOLDER/address.  Sets pid and url.
start() {
    local name=$1 folder=$2
    shift 2
    rm -f "$folder/address"
    "$@" --data "$folder" 2>>"$work/$name.log" &
    pid=$!
    pids+=("$pid")
    for _ in $(seq 400); do
        [ ! -s "$folder/address" ] || break
        kill -0 "$pid" 2>/dev/null || fail "$name ended instead of serving"
        sleep 0.05
    done
    [ -s "$folder/address" ] || fail "no address file of $name after 20 s"
    url=http://$(cat "$folder/address")
}
