#!/usr/bin/env bash
# kill -9 under load, again and again: the clients repeat what was not answered, and the frozen results end byte for byte as in
# a life without a kill.  Also: what was answered before a kill is there after it, and frozen results survive one.
bin=$1
. tests/lib/experimentd.sh
make_model
export TRIMTAB_KILLS=${TRIMTAB_KILLS:-6}
requests=1500
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

# A life without a kill.
open_round
"$bin/bench_retry" --port "$port" --requests $requests >"$work/calm" || fail "the client: $(cat "$work/calm")"
[ "$(counted)" = $requests ] || fail "$(counted) requests counted, not $requests"
close_round "$work/calm.json"
kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
restart
expect 200 GET "$results" >"$work/again.json"
cmp -s "$work/calm.json" "$work/again.json" || fail "frozen results changed by kill -9"
kill -TERM "$daemon"; wait "$daemon" || fail "SIGTERM: exit code $?"

# The same with kills.
rm -rf "$work/data"
open_round
"$bin/bench_retry" --port "$port" --requests $requests >"$work/rough" 2>&1 &
client=$!
before=0
for _ in $(seq "$TRIMTAB_KILLS"); do
    sleep "0.$((RANDOM % 25 + 5))"
    before=$(counted)
    sleep "0.0$((RANDOM % 9))"
    kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
    restart
    after=$(counted)
    [ "$after" -ge "$before" ] || fail "$before requests were counted before the kill, $after after it"
done
wait "$client" || fail "the client: $(cat "$work/rough")"
close_round "$work/rough.json"
cmp -s "$work/calm.json" "$work/rough.json" || {
    jq -S . "$work/calm.json" >"$work/a"; jq -S . "$work/rough.json" >"$work/b"
    diff "$work/a" "$work/b" | head -20 >&2
    fail "the results with kills differ from those without"
}
kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
daemon=
echo "$TRIMTAB_KILLS kills, $(cat "$work/rough"); results equal byte for byte"
