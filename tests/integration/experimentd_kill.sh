#!/usr/bin/env bash
# kill -9 under load, again and again: the clients repeat what was not answered, and the frozen results end byte for byte as in
# a life without a kill, so no answered event is lost and none counted twice.  Also: what was answered before a kill is there after it,
# the database is sound after each, and frozen results survive one.  6 kills, 50 with scripts/test --long (TRIMTAB_KILLS).
bin=$1
. tests/lib/experimentd.sh
make_model
kills=${TRIMTAB_KILLS:-$([ "${TRIMTAB_CASES:-0}" -ge 1000 ] && echo 50 || echo 6)}
experiment=${EXPERIMENT/\"metrics\":[/\"metrics\":[{\"name\":\"pay\",\"kind\":\"ratio\",\"numerator\":{\"event\":\"pay\",\"aggregate\":\"sum\"\},\"cap\":20,\"denominator\":\"request\"\},}
clock=1650844800000
results=/v1/experiments/feed/rounds/1/results

open_round() {
    start --fake-clock "$clock"
    port=${url##*:}
    expect 201 PUT /v1/experiments/feed "$experiment" >/dev/null
    expect 201 PUT /v1/experiments/feed/rounds/1 "$(round s1 "{\"at_ms\":$((clock + 5000))}")" >/dev/null
}
restart() { start --fake-clock "$clock" --listen "127.0.0.1:$port"; }
counted() { expect 200 GET "$results" | jq '[.arms[].requests] | add'; }
close_round() {
    expect 200 PUT /v1/clock "{\"now_ms\":$((clock + 5000))}" >/dev/null
    expect 200 GET "$results" >"$1"
    grep -q '"final":true' "$1" || fail "the round is not final: $(cat "$1")"
}

# A life with kills.
open_round
"$bin/bench_retry" --port "$port" --requests 100000000 >"$work/rough" 2>&1 &
client=$!
trap 'kill -9 "$client" 2>/dev/null || true; finish' EXIT
for _ in $(seq "$kills"); do
    sleep "$(printf '0.%03d' $((RANDOM % 120 + 20)))"
    before=$(counted)
    sleep "$(printf '0.%03d' $((RANDOM % 50)))"
    kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
    "$bin/bench_database" check "$work/data/experiments.db" || fail "the database is damaged"
    restart
    after=$(counted)
    [ "$after" -ge "$before" ] || fail "$before requests were counted before the kill, $after after it"
done
kill -TERM "$client"
wait "$client" || fail "the client: $(cat "$work/rough")"
requests=$(grep -o '^[0-9]*' "$work/rough")
close_round "$work/rough.json"
kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
rm -rf "$work/data"

# The same requests without a kill.
open_round
"$bin/bench_retry" --port "$port" --requests "$requests" >"$work/calm" || fail "the client: $(cat "$work/calm")"
[ "$(counted)" = "$requests" ] || fail "$(counted) requests counted, not $requests"
close_round "$work/calm.json"
kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
restart
expect 200 GET "$results" >"$work/again.json"
cmp -s "$work/calm.json" "$work/again.json" || fail "frozen results changed by kill -9"
kill -TERM "$daemon"; wait "$daemon" || fail "SIGTERM: exit code $?"

cmp -s "$work/calm.json" "$work/rough.json" || {
    jq -S . "$work/calm.json" >"$work/a"; jq -S . "$work/rough.json" >"$work/b"
    diff "$work/a" "$work/b" | head -20 >&2
    fail "the results with kills differ from those without"
}
daemon=
echo "$kills kills, $(cat "$work/rough"); results equal byte for byte"
