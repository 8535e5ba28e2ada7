#!/usr/bin/env bash
# What docs/operations.md says of limits, against a real daemon: the status of each, one line that says what is allowed, and the daemon
# serves on.     tests/integration/limits.sh BIN
bin=$1
. tests/lib/experimentd.sh
make_model
start
expect 201 PUT /v1/experiments/feed "$EXPERIMENT" >/dev/null

# STATUS TEXT CURL-ARGUMENTS...
answers() {
    local want=$1 text=$2 got
    shift 2
    : >"$work/answer"
    got=$(curl -s -o "$work/answer" -w '%{http_code}' "$@") || true
    [ "$got" = "$want" ] || fail "$text: $got, not $want: $(head -c 300 "$work/answer")"
    grep -qF -- "$text" "$work/answer" || fail "\"$text\" is not in: $(head -c 300 "$work/answer")"
}
list() { seq -s, "$1" | sed 's/[0-9]\+/"&"/g'; }
repeat() { printf "%.0s$1" $(seq "$2"); } # text, times

head -c $((512 * 1024 + 1)) /dev/zero | tr '\0' ' ' >"$work/half"
head -c $((2 * 1024 * 1024 + 1)) /dev/zero | tr '\0' ' ' >"$work/two"
answers 413 "larger than 524288 bytes" --data-binary "@$work/half" "$url/v1/rank"
answers 413 "larger than 524288 bytes" -H 'Transfer-Encoding: chunked' --data-binary "@$work/half" "$url/v1/rank"
answers 413 "larger than 524288 bytes" -X PUT --data-binary "@$work/half" "$url/v1/experiments/feed/rounds/1"
answers 413 "larger than 2097152 bytes" --data-binary "@$work/two" "$url/v1/events"
answers 413 "larger than 2097152 bytes" --data-binary "@$work/two" "$url/v1/experiments/feed/covariates"
for small in "65536 PUT /v1/experiments/x" "65536 POST /ofrep/v1/evaluate/flags" "65536 POST /ofrep/v1/evaluate/flags/feed" \
    "16384 PUT /v1/experiments/feed/default" "4096 POST /v1/experiments/feed/rounds/1/stop" "4096 POST /v1/experiments/feed/rounds/1/arms/a/stop" \
    "4096 PUT /v1/clock"; do
    read -r bytes method path <<<"$small"
    answers 413 "larger than $bytes bytes" -X "$method" --data-binary "@$work/half" "$url$path"
done
answers 413 "" -X GET -d '{}' "$url/v1/experiments"
answers 413 "larger than 131072 bytes" --data-binary "@$work/half" "$url/v1/experiments/feed/preview"
answers 400 "nested deeper than 32" -d "$(repeat '[' 33)" "$url/v1/rank"
printf '{"experiment":"feed","unit":"u","k":1,"candidates":[%s]}' "$(list 1001)" >"$work/many"
answers 400 "allowed are at most 1000" -d "@$work/many" "$url/v1/rank"
answers 400 "k is 1001" -d '{"experiment":"feed","unit":"u","k":1001,"candidates":["1"]}' "$url/v1/rank"
answers 400 "twice" -d '{"experiment":"feed","unit":"u","k":1,"candidates":["1","1"]}' "$url/v1/rank"
context=$(seq -s, 33 | sed 's/[0-9]\+/"c&":1/g')
answers 400 "context has more than 32" -d '{"experiment":"feed","unit":"u","k":1,"candidates":["1"],"context":{'"$context"'}}' "$url/v1/rank"
answers 400 "attributes has more than 32" -d '{"experiment":"feed","unit":"u","k":1,"candidates":["1"],"attributes":{'"$context"'}}' "$url/v1/rank"
answers 400 "at most 1024" -d '{"experiment":"feed","unit":"u","k":1,"candidates":["1"],"attributes":{"a":"'"$(repeat a 1025)"'"}}' "$url/v1/rank"
events=$(seq -s, 1001 | sed 's/[0-9]\+/{"event_id":"&","request_id":"r","type":"click"}/g')
printf '{"events":[%s]}' "$events" >"$work/many"
answers 400 "allowed are at most 1000" -d "@$work/many" "$url/v1/events"
answers 400 "events[0].value is 1000001" -d '{"events":[{"event_id":"e","request_id":"r","type":"click","value":1000001}]}' "$url/v1/events"
units=$(seq -s, 1001 | sed 's/[0-9]\+/{"unit":"&","values":{"clicks":1}}/g')
printf '{"covariates":[%s]}' "$units" >"$work/many"
answers 400 "allowed are at most 1000" -d "@$work/many" "$url/v1/experiments/feed/covariates"
vectors=$(seq -s, 65 | sed 's/[0-9]\+/{"click":&}/g')
answers 400 "allowed are at most 64" -d '{"weights":['"$vectors"']}' "$url/v1/experiments/feed/preview"
answers 400 "1 to 128 bytes" -d '{"experiment":"feed","unit":"'"$(repeat u 129)"'","k":1,"candidates":["1"]}' "$url/v1/rank"
answers 400 "more than 16 segments" "$url/$(repeat a/ 17)"
answers 400 "more than 16 query" "$url/v1/experiments?$(repeat 'a=1&' 17)"
answers 431 "" -H "X-Long: $(repeat a 40000)" "$url/healthz"
answers 414 "" "$url/$(repeat a 40000)"

# What an experiment and a round may have.
heads=$(list 17) rule='{"attribute":"a","in":["x"]}' metric='{"name":"m&","kind":"mean","numerator":{"event":"e","aggregate":"count"}}'
experiment() { jq -c "$1" <<<"$EXPERIMENT" >"$work/experiment"; answers 400 "$2" -X PUT -d "@$work/experiment" "$url/v1/experiments/${3:-x}"; }
experiment ".heads = [$heads]" "heads has 17 elements: allowed are at most 16"
experiment ".metrics = [$(seq -s, 17 | sed "s/[0-9]\\+/$metric/g")]" "metrics has 17 elements: allowed are at most 16"
experiment ".eligibility = [$rule, $rule, $rule, $rule, $rule]" "eligibility has 5 elements: allowed are at most 4"
experiment ".eligibility = [{attribute: \"a\", in: [$heads]}]" "eligibility[0].in has 17 elements: allowed are at most 16"
experiment ".eligibility = [{attribute: \"a\", in: [\"$(repeat a 65)\"]}]" "eligibility[0].in[0]"
experiment . "allowed are 1 to 64 of A-Z a-z 0-9 _ . : -" "$(repeat a 65)"
arms() { seq "$1" | jq -sc 'map({id: "a\(.)", weights: {click: 1}, allocation: 0.001})'; }
answers 400 "arms has 65 elements: allowed are at most 64" -X PUT -d "$(round s '{"at_ms":1}' | jq -c ".arms = $(arms 65)")" "$url/v1/experiments/feed/rounds/1"
jq -c ".metrics = [$(seq -s, 16 | sed "s/[0-9]\\+/$metric/g")]" <<<"$EXPERIMENT" >"$work/experiment"
expect 201 PUT /v1/experiments/wide "@$work/experiment" >/dev/null
answers 400 "arms has 22 arms: with 16 metrics allowed are at most 21" -X PUT -d "$(round s '{"at_ms":1}' | jq -c ".arms = $(arms 22)")" \
    "$url/v1/experiments/wide/rounds/1"

# The metrics are those of the table.
curl -s "$url/metrics" | sed -n 's/^\(trimtab_[a-z_]*\).*/\1/p' | sort -u >"$work/served"
sed -n 's/^| `\(trimtab_[a-z_]*\)`.*/\1/p' docs/operations.md | sort >"$work/documented"
diff "$work/served" "$work/documented" >&2 || fail "the metrics served and those in docs/operations.md differ"
for name in $(cat "$work/served"); do
    [ "$(curl -s "$url/metrics" | grep -c "^# \(HELP\|TYPE\) $name ")" = 2 ] || fail "$name has no HELP or TYPE"
done
expect 200 POST /v1/rank '{"experiment":"feed","unit":"u","k":1,"candidates":["1","2"]}' >/dev/null
echo "every limit answers as documented"
