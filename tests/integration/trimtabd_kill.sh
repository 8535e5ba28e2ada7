#!/usr/bin/env bash
# kill -9 of trimtabd, again and again, while simulated users play: the campaign ends, every round was opened once, every trial is
# there once, and what the journal froze is what the experiment API froze.
bin=$1
. tests/lib/trimtabd.sh
nice -n 5 "$bin/trimtab-traffic" --world worlds/demo.json --export "$work/past" --seed 1 >/dev/null 2>&1
"$bin/trimtab-ranker" import generic "$work/past" --out "$work/dataset" >/dev/null
nice -n 5 "$bin/trimtab-ranker" train "$work/dataset" --out "$work/model" --seed 1 --epochs 1 >/dev/null 2>&1

start experimentd "$work/experiments" "$bin/trimtab-experimentd" --listen 127.0.0.1:0 --model "$work/model" --dataset "$work/dataset" \
    --fake-clock 1772409600000
experiments=$url
start trimtabd "$work/data" "$bin/trimtabd" --listen 127.0.0.1:0 --experiments "$experiments" --poll-ms 50
listen=${url#http://}
export TRIMTAB_URL=$url
jq '.rounds = {max: 2, arms: 3, units_per_arm: 150} | .confirm.units_per_arm = 150 |
    .heads |= map(select(.head != "save" and .head != "closeup")) | .objective |= map(select(.metric | endswith("click")))' docs/examples/demo-world.json >"$work/campaign.json"
"$bin/trimtab" launch "$work/campaign.json" --create >/dev/null
nice -n 5 "$bin/trimtab-traffic" --world worlds/demo.json --experiments "$experiments" --experiment feed --seed 1 --only-in-rounds --quiet \
    >"$work/traffic.log" 2>&1 &
pids+=("$!")

kills=0 state=starting
deadline=$((SECONDS + 200))
until [ "$state" = promoted ] || [ "$state" = not_promoted ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the campaign is still $state"
    [ "$state" != failed ] || fail "$("$bin/trimtab" status 1)"
    sleep "0.$((RANDOM % 7 + 1))"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    kills=$((kills + 1))
    start trimtabd "$work/data" "$bin/trimtabd" --listen "$listen" --experiments "$experiments" --poll-ms 50
    state=$("$bin/trimtab" status 1 --json | jq -r .state)
done

"$bin/trimtab" status 1 --json >"$work/status"
"$bin/trimtab" trials 1 --json >"$work/trials"
"$bin/trimtab" audit 1 --json >"$work/audit"
rounds=$(curl -s "$experiments/v1/experiments/feed" | jq .next_round-1)
explore=$(jq .rounds_done "$work/status")
[ "$rounds" = "$((explore + $(jq '[.trials[] | select(.purpose == "confirm")] | length > 0' "$work/trials" | sed 's/true/1/; s/false/0/')))" ] ||
    fail "$rounds rounds at the experiment API, $explore explore rounds in the journal"
for action in "round opened" "results final"; do
    [ "$(jq --arg a "$action" '[.audit[] | select(.action == $a)] | length' "$work/audit")" = "$rounds" ] || fail "\"$action\" is not there once a round"
done
for n in $(seq "$rounds"); do
    curl -s "$experiments/v1/experiments/feed/rounds/$n/results" >"$work/results"
    jq -e --argjson n "$n" --slurpfile r "$work/results" '
        [.trials[] | select(.round == $n)] as $t | ($t | map(.arm)) == ($r[0].arms | map(.id)) and ($t | map(.units)) == ($r[0].arms | map(.units))
        and ($t | map(.weights)) == ($r[0].arms | map(.weights)) and all($t[]; .results_digest == $r[0].digest and .state == "done")' \
        "$work/trials" >/dev/null || fail "trials and results of round $n differ: $(jq -c "[.trials[] | select(.round == $n)]" "$work/trials")"
done
promoted=$([ "$state" = promoted ] && echo 1 || echo 0)
history=$(curl -s "$experiments/v1/experiments/feed/default/history" | jq '.history | length')
[ "$history" = $((1 + promoted)) ] || fail "$history default weights in the history of a campaign that is $state"
echo "$kills kills, $rounds rounds, $(jq '.trials | length' "$work/trials") trials, $state"
