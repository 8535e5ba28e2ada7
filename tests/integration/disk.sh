#!/usr/bin/env bash
# A full disk, a database that another process has locked, a folder without permission: 503 with Retry-After, requests that record
# nothing are served, and what is repeated afterwards counts once, without a restart.     tests/integration/disk.sh BIN
bin=$1
. tests/lib/experimentd.sh
make_model
trap '' XFSZ # a write beyond the limit then fails instead of ending the daemon, as on a full disk
start
expect 201 PUT /v1/experiments/feed "$EXPERIMENT" >/dev/null
expect 201 PUT /v1/experiments/feed/rounds/1 "$(round s1 '{"units_per_arm":1000}' | sed 's/0\.5/0.4/g')" >/dev/null

rank='{"experiment":"feed","unit":"%s","candidates":["1","2","3"],"k":2%s}'
# A unit in an arm, and one outside the allocations.
inside='' outside=''
for u in $(seq 40); do
    # shellcheck disable=SC2059 # the format is ours
    arm=$(expect 200 POST /v1/rank "$(printf "$rank" "u$u" '')" | jq -r .arm)
    if [ "$arm" = default ]; then outside=u$u; else inside=u$u; fi
done
[ -n "$inside" ] && [ -n "$outside" ] || fail "all units are in arms, or none is"
# shellcheck disable=SC2059
inside_rank=$(printf "$rank" "$inside" ',"request_id":"named"') outside_rank=$(printf "$rank" "$outside" '')
arm=$(call POST /v1/rank "$(printf "$rank" "$inside" '')" | jq -r .arm)
event() { printf '{"events":[{"event_id":"%s","type":"click","experiment":"feed","round":1,"arm":"%s","unit":"%s"}]}' "$1" "$arm" "$inside"; }
clicks() { expect 200 GET /v1/experiments/feed/rounds/1/results | jq '[.arms[].metrics[0].sum] | add'; }

# NAME TEXT REQUESTS...: what is to be recorded is refused with the text, what records nothing is served.
refused() {
    local name=$1 text=$2 got request
    shift 2
    for request in "$@"; do
        got=$(curl -s -D "$work/head" -o "$work/answer" -w '%{http_code}' -d "${request#* }" "$url/v1/${request%% *}")
        [ "$got" = 503 ] || fail "$name: ${request%% *}: $got, not 503: $(cat "$work/answer")"
        grep -qi '^Retry-After: 1' "$work/head" || fail "$name: no Retry-After: $(cat "$work/head")"
        grep -q "$text" "$work/answer" || fail "$name: \"$text\" is not in $(cat "$work/answer")"
    done
    expect 200 POST /v1/rank "$outside_rank" >/dev/null
    expect 200 GET /healthz >/dev/null
}
# TEXT CLICKS: the same again, now answered and counted once.
recovered() {
    for _ in 1 2; do expect 200 POST /v1/events "$(event "e-$1")" >"$work/counts"; done
    [ "$(jq -c '[.accepted, .duplicates]' "$work/counts")" = '[0,1]' ] || fail "$1: $(cat "$work/counts")"
    [ "$(clicks)" = "$2" ] || fail "$1: $(clicks) clicks, not $2"
    expect 200 POST /v1/rank "$inside_rank" >"$work/$1.named"
    cmp -s "$work/$1.named" "$work/full.named" || fail "$1: a named request has another answer: $(cat "$work/$1.named")"
}

prlimit --pid "$daemon" --fsize=1:unlimited
refused full 'disk' "events $(event e-full)" "rank $inside_rank"
prlimit --pid "$daemon" --fsize=unlimited:unlimited
recovered full 1

mkfifo "$work/fifo"
"$bin/bench_database" lock "$work/data/experiments.db" 30000 >"$work/fifo" & # longer than the daemon waits for it
locker=$!
read -r _ <"$work/fifo"
refused locked 'locked' "events $(event e-locked)"
kill "$locker"; wait "$locker" 2>/dev/null || true
recovered locked 2

# Files that are open stay open: the daemon does not notice, and nothing is lost.  (Root may write everywhere; then nothing is shown.)
chmod 0500 "$work/data"
recovered closed 3
chmod 0700 "$work/data"

kill -TERM "$daemon"; wait "$daemon" || fail "SIGTERM: exit code $?"
"$bin/bench_database" check "$work/data/experiments.db" || fail "the database is damaged"
start
[ "$(clicks)" = 3 ] || fail "$(clicks) clicks after a restart, not 3"
echo "a full disk, a locked database and a closed folder: 503, then as if nothing had happened"
