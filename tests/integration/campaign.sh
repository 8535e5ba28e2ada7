#!/usr/bin/env bash
# A whole campaign between the real programs, with kill -9 of each daemon while it runs: it ends as if nothing had happened, no trial is
# missing or doubled, and what it did is in the audit.   campaign.sh BIN
set -euo pipefail
bin=$1
work=$(mktemp -d /tmp/trimtab_campaign_XXXXXX)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() { echo "FAIL: $*" >&2; tail -n 5 "$work"/*.log >&2; exit 1; }

"$bin/trimtab-traffic" --world worlds/demo.json --export "$work/past" --seed 7 >/dev/null
"$bin/trimtab-ranker" import generic "$work/past" --out "$work/dataset" >/dev/null
"$bin/trimtab-ranker" train "$work/dataset" --out "$work/model" --epochs 1 >/dev/null 2>&1

# NAME PROGRAM...: started on the address it had before, or any at first; its address is in $work/NAME/address.
start() {
    local name=$1 listen=127.0.0.1:0
    shift
    [ ! -s "$work/$name.address" ] || listen=$(cat "$work/$name.address")
    rm -f "$work/$name/address"
    "$bin/$@" --listen "$listen" --data "$work/$name" >>"$work/$name.log" 2>&1 &
    declare -g "pid_$name=$!"
    pids+=("$!")
    for _ in $(seq 200); do
        [ ! -s "$work/$name/address" ] || break
        kill -0 "$!" 2>/dev/null || fail "$name ended instead of serving"
        sleep 0.05
    done
    cp "$work/$name/address" "$work/$name.address" || fail "$name did not serve"
}
start_experiments() { start experiments trimtab-experimentd --model "$work/model" --dataset "$work/dataset" --fake-clock 1772409600000; }
start_tuner() { start tuner trimtabd --experiments "$TRIMTAB_EXPERIMENTS_URL" --poll-ms 50; }
start_experiments
export TRIMTAB_EXPERIMENTS_URL=http://$(cat "$work/experiments.address")
start_tuner
export TRIMTAB_URL=http://$(cat "$work/tuner.address")

jq '.rounds = {max: 3, arms: 3, units_per_arm: 250} | .confirm = {units_per_arm: 400, exclude_seen: true} | .stop.delta = 0.0' \
    docs/examples/demo-world.json >"$work/campaign.json"
id=$("$bin/trimtab" launch "$work/campaign.json" --create --json | jq .id)
"$bin/trimtab-traffic" --world worlds/demo.json --experiments "$TRIMTAB_EXPERIMENTS_URL" --experiment feed --only-in-rounds --threads 8 \
    --quiet >"$work/traffic.log" 2>&1 &
pids+=("$!")

# Kill each daemon by turns while the campaign runs.
running=0
for _ in 1 2 3 4; do
    sleep 1.2
    "$bin/trimtab" status "$id" --json | jq -e '.state == "running" or .state == "confirming"' >/dev/null && running=$((running + 1))
    kill -9 "$pid_tuner"; wait "$pid_tuner" 2>/dev/null || true # it holds its folder until it is gone
    start_tuner
    sleep 0.7
    kill -9 "$pid_experiments"; wait "$pid_experiments" 2>/dev/null || true
    sleep 0.2
    start_experiments
done
[ "$running" -ge 2 ] || fail "the campaign was over before it could be disturbed"
timeout 120 "$bin/trimtab" watch "$id" >"$work/watch.log" || fail "watch: exit code $?"

"$bin/trimtab" status "$id" --json >"$work/status.json"
"$bin/trimtab" trials "$id" --json >"$work/trials.json"
jq -e '.state == "promoted" or .state == "not_promoted"' "$work/status.json" >/dev/null || fail "$(jq -c '{state, note}' "$work/status.json")"
jq -e '.decision.reason | length > 10' "$work/status.json" >/dev/null || fail "no reason"
jq -e '[.trials[].trial] == [range(1; (.trials | length) + 1)]' "$work/trials.json" >/dev/null || fail "trial numbers have gaps or doubles"
jq -e '[.trials[] | select(.purpose == "explore") | [.round, .arm]] | (. | unique | length) == length and length == 12' "$work/trials.json" >/dev/null ||
    fail "explore rounds are not 3 of control and 3 arms: $(jq -c '[.trials[] | [.round, .arm]]' "$work/trials.json")"
jq -e '[.trials[] | select(.state != "done")] == []' "$work/trials.json" >/dev/null || fail "a trial is not done"
jq -e '[.trials[] | select(.purpose == "explore") | .units >= 250] | all' "$work/trials.json" >/dev/null || fail "a round ended early"
# What the tuner recorded is what the experiment API froze.
for round in $(jq '[.trials[].round] | unique[]' "$work/trials.json"); do
    curl -sS "$TRIMTAB_EXPERIMENTS_URL/v1/experiments/feed/rounds/$round/results" >"$work/results.json"
    jq -e --argjson n "$round" --slurpfile t "$work/trials.json" \
        '.final and ([.arms[].units] == [$t[0].trials[] | select(.round == $n) | .units]) and
         ([$t[0].trials[] | select(.round == $n) | .results_digest] | unique) == [.digest]' \
        "$work/results.json" >/dev/null || fail "round $round: journal and API disagree"
done
"$bin/trimtab" audit "$id" --json | jq -e '[.audit[].seq] | . == sort and (unique | length) == length' >/dev/null || fail "audit"
# The weights of before come back, and another rollback undoes that.
default_of() { curl -sS "$TRIMTAB_EXPERIMENTS_URL/v1/experiments/feed/default/history" | jq -c '.history[0] | [.version, .weights]'; }
set_default() { # VERSION SAVE: what a promotion does, whatever came of the campaign
    curl -sS -X PUT -d "{\"if_version\":$1,\"weights\":{\"save\":$2}}" "$TRIMTAB_EXPERIMENTS_URL/v1/experiments/feed/default" >/dev/null
}
version=$(default_of | jq '.[0]')
set_default "$version" 3 && set_default $((version + 1)) 5
good=$(default_of)
set_default $((version + 2)) 7
"$bin/trimtab" rollback feed >"$work/rollback.log" || fail "rollback: exit code $?"
[ "$(default_of | jq -c '.[1]')" = "$(jq -c '.[1]' <<<"$good")" ] || fail "rollback: $(default_of), not the weights of $good"
"$bin/trimtab" rollback feed --to $((version + 3)) --json | jq -e --argjson v $((version + 5)) '.version == $v and .weights.save == 7' >/dev/null ||
    fail "rollback --to: $(default_of)"
echo "$(jq -r .state "$work/status.json"): $(jq -r .decision.reason "$work/status.json")"
