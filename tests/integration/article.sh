#!/usr/bin/env bash
# The multi-task ranker against the binary one, on a small world and on its log.   tests/integration/article.sh BIN
bin=$1
. tests/lib/experimentd.sh

# run CODE COMMAND...: the exit code is CODE; what was printed is in $work/out and $work/err.
run() {
    local want=$1 code=0
    shift
    "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [ "$code" = "$want" ] || fail "$*: exit code $code, expected $want: $(cat "$work/err")"
}
says() { grep -qF -- "$1" "$work/out" "$work/err" || fail "\"$1\" was not printed: $(cat "$work/out" "$work/err")"; }
holds() { jq -e "$1" "$work/report" >/dev/null || fail "$1 does not hold: $(cat "$work/report")"; }

jq '.users.new_per_day = 150 | .log.users = 150 | .log.days = 3 | .items.count = 60' worlds/guardrail.json >"$work/world.json"
run 0 "$bin/trimtab-traffic" --world "$work/world.json" --export "$work/past"
run 0 "$bin/trimtab-ranker" import generic "$work/past" --out "$work/dataset"
run 0 "$bin/trimtab-ranker" train "$work/dataset" --out "$work/multi" --epochs 1
run 0 "$bin/trimtab-ranker" train "$work/dataset" --out "$work/binary" --epochs 1 --architecture binary --importance click=1,save=3
bench=("$bin/bench_article" --multi "$work/multi" --binary "$work/binary" --dataset "$work/dataset" --negative hide --replicates 100 --search 2
    --json "$work/report")

run 0 "${bench[@]}" --world "$work/world.json"
says "multi-task with tuned weights against binary"
holds '(.plug_in.types | keys) == ["click", "closeup", "hide", "long_click", "save"]'
holds '[.tuned.types[] | select(.engagement | not)] | length == 1'
holds '.tuned.types.hide.shares == [0] and (.tuned.types.click.shares | length) == 1'
holds '.plug_in.users > 300 and .plug_in.requests.multi > 1'
holds 'all(.tuned.types[], .plug_in.types[]; .volume.lo <= .volume.effect and .volume.effect <= .volume.hi)'
holds 'all(.tuned.types[], .plug_in.types[]; .propensity.multi <= 1 and .propensity.multi >= 0)'
cp "$work/report" "$work/first"
run 0 "${bench[@]}" --world "$work/world.json"
cmp -s "$work/first" "$work/report" || fail "a second run of the same gave other figures"

days=$(sed 1d "$work/past/log.csv" | cut -d, -f4 | sort -u | sed -n '1p;$p' | paste -sd: | sed 's/:/../')
run 0 "${bench[@]}" --days "$days"
holds '(.tuned.types.click.shares | length) == 2 and .tuned.requests.effect == 0'
holds 'all(.tuned.types[]; .volume.multi <= 2)'
holds '.tuned | .requests.multi as $r | all(.types[]; (.per_user.multi - .volume.multi * $r | fabs) < 1e-9)'

run 1 "$bin/bench_article" --multi "$work/binary" --binary "$work/multi" --dataset "$work/dataset" --days "$days"; says "a multi-task model is expected"
run 1 "$bin/bench_article" --multi "$work/multi,$work/multi" --binary "$work/binary" --dataset "$work/dataset" --days "$days"; says "pairs are expected"
run 2 "$bin/bench_article" --multi "$work/multi" --binary "$work/binary" --dataset "$work/dataset"; says "one of --days and --world"
run 2 scripts/reproduce-article --worlds nowhere; says "worlds/nowhere.json: there is no such world"
run 2 scripts/reproduce-article /nowhere; says "a folder with the KuaiRand files is expected"
run 2 scripts/reproduce-article --seeds 0; says "--seeds 0"
