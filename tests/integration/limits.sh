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
answers 413 "larger than 131072 bytes" --data-binary "@$work/half" "$url/v1/experiments/feed/preview"
answers 400 "nested deeper than 32" -d "$(repeat '[' 33)" "$url/v1/rank"
printf '{"experiment":"feed","unit":"u","k":1,"candidates":[%s]}' "$(list 1001)" >"$work/many"
answers 400 "allowed are at most 1000" -d "@$work/many" "$url/v1/rank"
answers 400 "k is 1001" -d '{"experiment":"feed","unit":"u","k":1001,"candidates":["1"]}' "$url/v1/rank"
answers 400 "twice" -d '{"experiment":"feed","unit":"u","k":1,"candidates":["1","1"]}' "$url/v1/rank"
context=$(seq -s, 33 | sed 's/[0-9]\+/"c&":1/g')
answers 400 "more than 32" -d '{"experiment":"feed","unit":"u","k":1,"candidates":["1"],"context":{'"$context"'}}' "$url/v1/rank"
events=$(seq -s, 1001 | sed 's/[0-9]\+/{"event_id":"&","request_id":"r","type":"click"}/g')
printf '{"events":[%s]}' "$events" >"$work/many"
answers 400 "allowed are at most 1000" -d "@$work/many" "$url/v1/events"
vectors=$(seq -s, 65 | sed 's/[0-9]\+/{"click":&}/g')
answers 400 "allowed are at most 64" -d '{"weights":['"$vectors"']}' "$url/v1/experiments/feed/preview"
answers 400 "1 to 128 bytes" -d '{"experiment":"feed","unit":"'"$(repeat u 129)"'","k":1,"candidates":["1"]}' "$url/v1/rank"
answers 400 "more than 16 segments" "$url/$(repeat a/ 17)"
answers 400 "more than 16 query" "$url/v1/experiments?$(repeat 'a=1&' 17)"
answers 431 "" -H "X-Long: $(repeat a 40000)" "$url/healthz"
expect 200 POST /v1/rank '{"experiment":"feed","unit":"u","k":1,"candidates":["1","2"]}' >/dev/null
echo "every limit answers as documented"
