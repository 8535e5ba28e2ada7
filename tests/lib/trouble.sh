# Sourced after tests/lib/experimentd.sh by tests that take the disk away from a running daemon: an experiment with an open round, what is
# refused meanwhile, and what must have come of it afterwards.

# Starts the daemon on $work/data and finds a unit in an arm and one outside the allocations.
open_round() {
    start
    expect 201 PUT /v1/experiments/feed "$EXPERIMENT" >/dev/null
    expect 201 PUT /v1/experiments/feed/rounds/1 "$(round s1 '{"units_per_arm":1000}' | sed 's/0\.5/0.4/g')" >/dev/null
    rank='{"experiment":"feed","unit":"%s","candidates":["1","2","3"],"k":2%s}'
    inside='' outside='' happened=0
    for u in $(seq 40); do
        # shellcheck disable=SC2059 # the format is ours
        got=$(expect 200 POST /v1/rank "$(printf "$rank" "u$u" '')" | jq -r .arm)
        if [ "$got" = default ]; then outside=u$u; else inside=u$u arm=$got; fi
    done
    [ -n "$inside" ] && [ -n "$outside" ] || fail "all units are in arms, or none is"
    # shellcheck disable=SC2059
    inside_rank=$(printf "$rank" "$inside" '') outside_rank=$(printf "$rank" "$outside" '')
    # shellcheck disable=SC2059
    named_rank=$(printf "$rank" "$inside" ',"request_id":"named"')
}
event() { printf '{"events":[{"event_id":"%s","type":"click","experiment":"feed","round":1,"arm":"%s","unit":"%s"}]}' "$1" "$arm" "$inside"; }
clicks() { expect 200 GET /v1/experiments/feed/rounds/1/results | jq '[.arms[].metrics[0].sum] | add'; }
meanwhile() { :; } # what keeps the trouble up
# STATUS FAILING: until /readyz and the metric have it, 10 s.
await() {
    for _ in $(seq 200); do
        meanwhile
        call GET /readyz >"$work/ready"
        if [ "$(cat "$work/status")" = "$1" ] && curl -s "$url/metrics" | grep -q "^trimtab_writes_failing $2\$"; then return 0; fi
        sleep 0.05
    done
    fail "not $1: $(cat "$work/status" "$work/ready"), $(curl -s "$url/metrics" | grep '^trimtab_writes_failing')"
}

# NAME TEXT REQUESTS...: what is to be recorded is refused with the text, /readyz has it too, and what records nothing is served.
refused() {
    local name=$1 text=$2 got request
    shift 2
    for request in "$@"; do
        got=$(curl -s -H "X-Request-Id: t-$name" -D "$work/head" -o "$work/answer" -w '%{http_code}' -d "${request#* }" "$url/v1/${request%% *}")
        [ "$got" = 503 ] || fail "$name: ${request%% *}: $got, not 503: $(cat "$work/answer")"
        grep -qi '^Retry-After: 1' "$work/head" || fail "$name: no Retry-After: $(cat "$work/head")"
        grep -q "$text" "$work/answer" || fail "$name: \"$text\" is not in $(cat "$work/answer")"
    done
    [ "$name" = limited ] || # there the log may not grow either
        grep -q "msg=\"request failed\" request=t-$name method=POST route=/v1/${request%% *} status=503 ms=[0-9]* reason=.*$text" "$work/log" ||
        fail "$name: not in the log"
    grep -qi "^X-Request-Id: t-$name" "$work/head" || fail "$name: no X-Request-Id: $(cat "$work/head")"
    await 503 1
    grep -q "nothing can be written: .*$text" "$work/ready" || fail "$name: /readyz says $(cat "$work/ready")"
    expect 200 POST /v1/rank "$outside_rank" >/dev/null
    expect 200 GET /healthz >/dev/null
}
# NAME: over without a request; the same again is answered and counted once.
recovered() {
    await 200 0
    for _ in 1 2; do expect 200 POST /v1/events "$(event "e-$1")" >"$work/counts"; done
    [ "$(jq -c '[.accepted, .duplicates]' "$work/counts")" = '[0,1]' ] || fail "$1: $(cat "$work/counts")"
    happened=$((happened + 1))
    [ "$(clicks)" = "$happened" ] || fail "$1: $(clicks) clicks, not $happened"
    expect 200 POST /v1/rank "$named_rank" >"$work/$1.named"
    [ -e "$work/first.named" ] || cp "$work/$1.named" "$work/first.named"
    cmp -s "$work/$1.named" "$work/first.named" || fail "$1: a named request has another answer: $(cat "$work/$1.named")"
}
# A clean end, a sound database, and everything still there.
check_restart() {
    kill -TERM "$daemon"; wait "$daemon" || fail "SIGTERM: exit code $?"
    "$bin/bench_database" check "$work/data/experiments.db" || fail "the database is damaged"
    start "$@"
    [ "$(clicks)" = "$happened" ] || fail "$(clicks) clicks after a restart, not $happened"
}
