#!/usr/bin/env bash
# trimtab-ranker from the command line: what evaluate, explain and bench print, and what is wrong usage.   tests/integration/ranker.sh BIN
bin=$1
. tests/lib/experimentd.sh

# run CODE ARGUMENTS...: the exit code is CODE; what was printed is in $work/out and $work/err.
run() {
    local want=$1 code=0
    shift
    "$bin/trimtab-ranker" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [ "$code" = "$want" ] || fail "trimtab-ranker $*: exit code $code, expected $want: $(cat "$work/err")"
}
says() { grep -qF -- "$1" "$work/out" "$work/err" || fail "\"$1\" was not printed: $(cat "$work/out" "$work/err")"; }
holds() { jq -e "$1" "$work/out" >/dev/null || fail "$1 does not hold: $(cat "$work/out")"; }

make_model

# --- evaluate
run 0 evaluate "$work/model" "$work/dataset" --reliability --plot "$work/plot.svg"; says "expected"
[ "$(grep -c '^click ' "$work/out")" = 16 ] || fail "one line and fifteen bins of click were expected: $(cat "$work/out")"
[ "$(grep -c '<circle' "$work/plot.svg")" = 45 ] || fail "three heads with fifteen bins were not drawn"
[ "$(tail -n 1 "$work/plot.svg")" = '</svg>' ] || fail "the plot has no end"
run 1 evaluate "$work/model" "$work/dataset" --plot "$work/none/plot.svg"; says "$work/none"
run 0 evaluate "$work/model" "$work/dataset" --json
holds '.heads.click | (.bins | length) == 15 and ([.bins[].n] | add) == .n and ([.bins[].positives] | add) == .positives'
holds '.heads.save.bins | map(.expected) | . == sort'

run 0 evaluate "$work/model" "$work/dataset" --intervals 100; says "95 %, by users"
run 0 evaluate "$work/model" "$work/dataset" --intervals 100 --seed 3 --json
holds 'all(.heads[]; .auc_interval[0] < .auc and .auc < .auc_interval[1] and .logloss_interval[0] < .logloss_interval[1])'

run 0 evaluate "$work/model" "$work/dataset" --segment category; says "exp/obs"
[ "$(grep -c '^click  *[0-6] ' "$work/out")" = 7 ] || fail "one line for each of seven categories was expected: $(cat "$work/out")"
run 0 evaluate "$work/model" "$work/dataset" --segment segment --json
holds 'all(.heads[]; (.segments | keys) == ["0", "1", "2"] and ([.segments[].n] | add) == .n and ([.segments[].positives] | add) == .positives)'
run 1 evaluate "$work/model" "$work/dataset" --segment colour; says "the dataset has no column colour"
run 0 evaluate "$work/model" "$work/dataset" --daily platt --json; holds '.heads.click.n > 0'
run 1 evaluate "$work/model" "$work/dataset" --daily platt --days 20220426; says "two days with impressions are needed"
run 2 evaluate "$work/model" "$work/dataset" --daily none; says '--daily "none": platt or isotonic is expected'

# --- users left out
run 1 train "$work/dataset" --out "$work/other" --leave-out "$work/none"; says "$work/none"
echo nobody >"$work/ids"
run 1 train "$work/dataset" --out "$work/other" --leave-out "$work/ids"; says "$work/ids: line 1: \"nobody\" is not a user of the dataset"
[ ! -e "$work/other" ] || fail "a model was written"

# --- calibrated again on a later day
run 2 calibrate "$work/model" "$work/dataset" --day 20240505; says "--out MODEL is missing"
run 2 calibrate "$work/model" "$work/dataset" --out "$work/newer"; says "--day yyyymmdd is missing"
run 2 calibrate "$work/model" "$work/dataset" --out "$work/newer" --day 20240501..20240502; says "one day, yyyymmdd, is expected"
run 2 calibrate "$work/model" "$work/dataset" --out "$work/newer" --day 20240501 --calibration beta; says "none, platt or isotonic is expected"
run 1 calibrate "$work/model" "$work/dataset" --out "$work/newer" --day 19990101; says "no impressions in the days 19990101..19990101"
[ ! -e "$work/newer" ] || fail "a model was written"
day=20220426
run 0 calibrate "$work/model" "$work/dataset" --out "$work/newer" --day "$day" --calibration isotonic; says "exp/obs before, after"; says "model "
run 0 evaluate "$work/newer" "$work/dataset" --days "$day" --json
holds '.heads.click.expected_over_observed > 0.98 and .heads.click.expected_over_observed < 1.02'

# --- calibration and sampled negatives
run 2 train "$work/dataset" --out "$work/other" --calibration beta; says "--calibration beta: none, platt or isotonic is expected"
for wrong in 0 1.5 x click=0 click; do
    run 2 train "$work/dataset" --out "$work/other" --keep-negatives "$wrong"; says "a number above 0 and up to 1 is expected"
done
run 1 train "$work/dataset" --out "$work/other" --keep-negatives clicks=0.5; says "the model has no head clicks"
run 0 train "$work/dataset" --out "$work/other" --epochs 3 --calibration isotonic --keep-negatives click=0.3,save=0.5
run 0 evaluate "$work/other" "$work/dataset" --json
holds '.heads | all(.click, .save; .expected_over_observed > 0.8 and .expected_over_observed < 1.25)'

# --- architectures: one interface for all
run 2 train "$work/dataset" --out "$work/other" --architecture deep; says "--architecture deep: shared, mmoe or binary is expected"
run 2 train "$work/dataset" --out "$work/other" --architecture binary; says "--importance HEAD=W,.. is missing"
run 2 train "$work/dataset" --out "$work/other" --importance click=1; says "--importance HEAD=W,.. is for --architecture binary"
run 2 train "$work/dataset" --out "$work/other" --architecture binary --importance click=1,click=2; says "the importance of click is there twice"
run 2 train "$work/dataset" --out "$work/other" --architecture binary --importance click; says "click needs a number"
run 1 train "$work/dataset" --out "$work/other" --architecture binary --importance clicks=1; says "the dataset lacks the head clicks"
run 0 train "$work/dataset" --out "$work/mmoe" --epochs 1 --architecture mmoe --experts 3
run 0 evaluate "$work/mmoe" "$work/dataset" --json; holds '.heads | keys == ["click", "hide", "save"]'
run 0 explain "$work/mmoe" "$work/dataset" 5 6 7 --weights save=1 --context tab=1 --json; holds '.items | length == 2'
run 0 bench "$work/mmoe" "$work/dataset" --repeats 1 --json; holds '.largest_difference < 1e-4'
run 0 train "$work/dataset" --out "$work/wide" --epochs 1 --wide
run 0 bench "$work/wide" "$work/dataset" --repeats 1 --json; holds '.largest_difference < 1e-4'
run 0 train "$work/dataset" --out "$work/binary" --epochs 1 --architecture binary --importance click=1,save=2
run 0 evaluate "$work/binary" "$work/dataset" --json; holds '.heads | keys == ["engagement"]'
run 0 explain "$work/binary" "$work/dataset" 5 6 7 --weights engagement=1 --json
holds 'all(.items[]; .utility == .heads.engagement.probability)'

# --- pooled histories
make_histories
run 2 train "$work/histories" --out "$work/other" --pooled view=1; says "--pooled view=1: kinds of history are expected"
run 2 train "$work/histories" --out "$work/other" --pooled ,view; says "--pooled ,view: kinds of history are expected"
run 1 train "$work/histories" --out "$work/other" --pooled watch; says "the dataset has no history watch to pool: it has view, like"
run 1 train "$work/dataset" --out "$work/other" --pooled view; says "the dataset has no history view to pool: it has none"
run 0 train "$work/histories" --out "$work/pooled" --epochs 1 --pooled view,like
run 0 train "$work/histories" --out "$work/other" --epochs 1 --pooled view,like --threads 1; cmp "$work/pooled" "$work/other"
run 0 evaluate "$work/pooled" "$work/histories" --json; holds '.heads | keys == ["click", "hide", "save"]'
run 0 explain "$work/pooled" "$work/histories" 299 6 7 --weights save=1 --json; holds '.known and (.items | length) == 2' # no history
run 0 bench "$work/pooled" "$work/histories" --repeats 1 --json; holds '.largest_difference < 1e-4'
run 1 evaluate "$work/pooled" "$work/dataset"; says "the dataset lacks the column history.view of the users, which the model reads"

# --- explain
run 2 explain "$work/model" "$work/dataset" 5 1; says "--weights HEAD=W,.. is missing"
run 1 explain "$work/model" "$work/dataset" 5 1 --weights clicks=1; says "the model has no head clicks"
run 1 explain "$work/model" "$work/dataset" 5 1 --weights click=x; says "click needs a number"
run 1 explain "$work/model" "$work/dataset" 5 1 --weights click=0; says "all weights are 0"
run 1 explain "$work/model" "$work/dataset" 5 1 --weights click=1 --context tab; says "tab needs a value"
run 1 explain "$work/model" "$work/dataset" 5 1 --weights click=1 --context tap=1; says "context tap is unknown: the model knows tab"
run 0 explain "$work/model" "$work/dataset" nobody 1 2 --weights click=1; says "user nobody (unknown)"
run 0 explain "$work/model" "$work/dataset" 5 6 7 nothing 12 --weights click=1,save=2.5,hide=-3 --context tab=1 --json
holds '.known and (.model_hash | length) == 64 and [.items[].rank] == [1, 2, 3, 4]'
holds '[.items[] | select(.known | not) | .item] == ["nothing"]'
holds '[.items[].utility] == ([.items[].utility] | sort | reverse)'
holds 'all(.items[]; (.utility - ([.heads[].contribution] | add) | fabs) < 1e-12)'
holds 'all(.items[].heads; .hide.contribution == -3 * .hide.probability and .save.contribution == 2.5 * .save.probability)'

# --- bench
run 2 bench; says "give a MODEL or --network SHAPE"
run 2 bench "$work/model" --network 8-8-8-1x8; says "give a MODEL or --network SHAPE"
run 2 bench --network 8-8-8; says "8-8-8 is not a network"
run 2 bench --network 8-8-8-1x8 --kernel abacus; says "no such --kernel"
run 2 bench --network 8-8-8-1x8 --precision quarter; says "precision quarter is unknown: single or half is expected"
run 1 bench "$work/none"; says "$work/none"
run 0 bench --network 24-32-32-2x32 --repeats 1 --kernel reference; says "network 24-32-32-2x32"; says "all, kernel / training"
run 0 bench "$work/model" --repeats 1 --json
holds '[.times[].what] | unique == ["all", "held"]'
run 0 bench "$work/model" "$work/dataset" --repeats 3 --json
holds '.largest_difference < 1e-4 and .item_bytes >= 128'
holds '[.times[] | select(.what == "request") | .candidates] == [1, 50, 500, 2000, 1, 50, 500, 2000]'
holds 'all(.times[]; .min_us <= .median_us and .median_us <= .max_us and .min_us >= 0)'
holds '[.ratios[].candidates] == [1, 50, 500, 2000] and all(.ratios[]; .request_over_reference > 0)'
if grep -qw avx512_fp16 /proc/cpuinfo; then
    run 0 bench "$work/model" "$work/dataset" --repeats 1 --precision half --json
    holds '.half_kernel == "avx512fp16" and .largest_difference > 0 and .largest_difference < .05 and .item_bytes >= 64'
    holds '.accuracy | .probability > 0 and .probability < .02 and .top_overlap > .9 and .kendall_tau > .9'
    holds 'all(.ratios[]; .held_half_over_single > 0 and .request_half_over_single > 0)'
else
    run 2 bench --network 8-8-8-1x8 --precision half; says "half precision needs"
fi

# --- kill -9 in training: it goes on from the checkpoint, to the same bytes
train=("$bin/trimtab-ranker" train "$work/dataset" --epochs 10 --seed 5)
"${train[@]}" --out "$work/whole" >/dev/null 2>&1
kills=0
while [ ! -f "$work/killed" ] && [ "$kills" -lt 200 ]; do
    "${train[@]}" --out "$work/killed" --checkpoint "$work/checkpoint" --checkpoint-steps 3 >/dev/null 2>&1 &
    trainer=$!
    sleep "0.$((10 + RANDOM % 20))"
    kill -9 "$trainer" 2>/dev/null || true
    wait "$trainer" 2>/dev/null || true
    kills=$((kills + 1))
done
cmp "$work/whole" "$work/killed" || fail "after $kills kills the model is another"
run 0 "${train[@]:1}" --out "$work/killed" --checkpoint "$work/checkpoint"
[ ! -f "$work/checkpoint" ] || fail "the checkpoint of a finished training is still there"
run 1 train "$work/dataset" --out "$work/other" --checkpoint /nonexistent/checkpoint; says "/nonexistent/checkpoint"
echo junk >"$work/checkpoint"
run 1 train "$work/dataset" --out "$work/other" --checkpoint "$work/checkpoint"; says "$work/checkpoint"

# --- an output that cannot be written is refused before the work
for out in /nonexistent/model "$work"; do
    run 1 train "$work/dataset" --out "$out"; says "$out"
    grep -q epoch "$work/err" && fail "it trained before it looked where to write"
    run 1 import generic "$work/source" --out "$out"; says "$out"
done
