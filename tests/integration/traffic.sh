#!/usr/bin/env bash
# trimtab-traffic against a real trimtab-experimentd and a trained model: the same people do the same things whatever the number of
# connections, with a server that is killed in between, and without HTTP; usage; a server that is not there.
#   tests/integration/traffic.sh BIN
set -euo pipefail
bin=$1
work=$(mktemp -d)
daemon=0
start_ms=1772409600000 # midnight of the world's first day
cleanup() {
    [ "$daemon" = 0 ] || { kill -9 "$daemon" && wait "$daemon"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
unset http_proxy

fail() { echo "traffic.sh: $*" >&2; tail -n 5 "$work"/*.log >&2 || true; exit 1; }
traffic() { timeout 120 "$bin/trimtab-traffic" "$@"; }

start_daemon() { # data folder, address
    rm -f "$1/address"
    "$bin/trimtab-experimentd" --listen "$2" --data "$1" --model "$work/model" --dataset "$work/dataset" \
        --fake-clock "$start_ms" >>"$work/daemon.log" 2>&1 &
    daemon=$!
    for _ in $(seq 200); do
        [ -s "$1/address" ] && break
        sleep 0.05
    done
    [ -s "$1/address" ] || fail "trimtab-experimentd did not start"
    url="http://$(cat "$1/address")"
}
stop_daemon() { # signal
    kill "-$1" "$daemon"
    wait "$daemon" 2>/dev/null || true
    daemon=0
}
create() {
    curl -fsS -o "$work/created" -X PUT "$url/v1/experiments/feed" -d '{"unit_type":"user","timezone":"UTC",
        "heads":["click","long_click","save","closeup","hide"],"default_weights":{"long_click":2.5,"save":9,"hide":-4},
        "metrics":[{"name":"click","kind":"mean","numerator":{"event":"click","aggregate":"count"},"denominator":"unit",
                    "attribution_s":86400,"cap":null,"direction":"up"},
                   {"name":"save","kind":"mean","numerator":{"event":"save","aggregate":"count"},"direction":"up"}]}'
}
member() { sed -E "s/.*\"$1\":([-0-9.e+]+).*/\1/" "$2"; }

# --- usage
refused() { # text, arguments...
    local text=$1 code=0
    shift
    traffic "$@" >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = 2 ] || fail "$*: exit code $code, expected 2"
    grep -qF -- "$text" "$work/err" || fail "$*: \"$text\" was not printed"
}
refused "one of --world FILE and --log DIR"
refused "one of --world FILE and --log DIR" --world a --log b
refused "one of --experiments URL" --world worlds/demo.json
refused "--experiment EXP is missing" --world worlds/demo.json --experiments http://127.0.0.1:9
refused "--verdict needs --model" --world worlds/demo.json --verdict x
refused "--users belongs to --log" --world worlds/demo.json --users tuning
refused "--users: tuning or confirmation is expected" --log x --users all
refused "--threads 0" --world worlds/demo.json --threads 0

# --- a log with faults: the line of the importer arrives, nothing is played
mkdir "$work/log"
code=0
traffic --log "$work/log" --experiments http://127.0.0.1:9 --experiment feed 2>"$work/err" || code=$?
[ "$code" = 1 ] && [ "$(wc -l <"$work/err")" = 1 ] || fail "an empty log folder: exit code $code, $(cat "$work/err")"
traffic --world worlds/demo.json --export "$work/log" >/dev/null
head -c 100000 "$work/log/log.csv" >"$work/log/cut.csv" # ends within a line
mv "$work/log/cut.csv" "$work/log/log.csv"
"$bin/trimtab-ranker" import generic "$work/log" --out "$work/none" 2>"$work/err" && fail "a log cut short was imported"
grep -q "log.csv" "$work/err" || fail "a log cut short: $(cat "$work/err")"
[ ! -e "$work/none" ] || fail "half a dataset was written"
rm -r "$work/log"

# --- a world small enough for a test, its log, a quickly trained model
sed -e 's/"users": [0-9]*, "explore"/"users": 1500, "explore"/' -e 's/"new_per_day": [0-9]*/"new_per_day": 260/' -e 's/"count": 2000/"count": 400/' \
    worlds/demo.json >"$work/world.json"
traffic --world "$work/world.json" --export "$work/log" >"$work/export"
"$bin/trimtab-ranker" import generic "$work/log" --out "$work/dataset" >/dev/null
"$bin/trimtab-ranker" train "$work/dataset" --epochs 2 --out "$work/model" >/dev/null 2>"$work/train.log"

# --- the two parts of a log's users: every one is in one of them, six of ten in the first
for part in tuning confirmation; do
    traffic --log "$work/log" --dataset "$work/dataset" --users "$part" >"$work/$part" || fail "--users $part"
done
[ "$(sort "$work/tuning" "$work/confirmation" | uniq -u | wc -l)" = "$(($(wc -l <"$work/log/users.csv") - 1))" ] ||
    fail "$(wc -l "$work/tuning" "$work/confirmation"), of $(wc -l <"$work/log/users.csv") lines in users.csv"
awk -v t="$(wc -l <"$work/tuning")" -v c="$(wc -l <"$work/confirmation")" 'BEGIN {s = t / (t + c); exit !(s > 0.57 && s < 0.63)}' ||
    fail "not six users of ten are for tuning: $(wc -l "$work/tuning" "$work/confirmation")"
"$bin/trimtab-ranker" train "$work/dataset" --epochs 1 --leave-out "$work/tuning" --out "$work/other" >/dev/null 2>"$work/train.log" ||
    fail "a training without the tuning users: $(cat "$work/train.log")"

code=0
traffic --world "$work/world.json" --experiments http://127.0.0.1:9 --experiment feed --give-up-s 1 2>"$work/err" || code=$?
[ "$code" = 1 ] || fail "nobody at the address: exit code $code"
grep -q "gave up after" "$work/err" || fail "nobody at the address: $(cat "$work/err")"

# --- without HTTP
cat >"$work/weights.json" <<'JSON'
{"candidate":{"click":1},"control":{"long_click":2.5,"save":9,"hide":-4},"equal":{"click":1,"long_click":1},"values":{"long_click":1}}
JSON
traffic --world "$work/world.json" --verdict "$work/weights.json" --model "$work/model" --dataset "$work/dataset" --days 1 --seed 5 \
    --json | tr '{' '\n' >"$work/truth"
want_requests=$(grep '"requests"' "$work/truth" | sed -n 2p | sed -E 's/.*"requests":([0-9]+).*/\1/')
want_clicks=$(grep '"events"' "$work/truth" | sed -n 2p | sed -E 's/.*"events":([0-9]+).*/\1/')
[ "$want_requests" -gt 300 ] || fail "only $want_requests requests in the world"

check() { # what
    [ "$(member requests "$work/played")" = "$want_requests" ] || fail "$1: $(cat "$work/played"), expected $want_requests requests"
    [ "$(member click "$work/played")" = "$want_clicks" ] || fail "$1: $(cat "$work/played"), expected $want_clicks clicks"
}
for threads in 4 32; do
    start_daemon "$work/data$threads" 127.0.0.1:0
    create
    traffic --world "$work/world.json" --experiments "$url" --experiment feed --days 1 --seed 5 --threads "$threads" \
        >"$work/played" 2>"$work/traffic.log"
    check "$threads threads"
    stop_daemon TERM
done

# --- the server is killed while users play, and comes back
start_daemon "$work/data" 127.0.0.1:0
create
curl -fsS -o "$work/round" -X PUT "$url/v1/experiments/feed/rounds/1" -d '{"purpose":"explore","campaign":"c","salt":"s",
    "exclude_seen":false,"arms":[{"id":"control","weights":{"long_click":2.5,"save":9,"hide":-4},"params":{},"allocation":0.5},
    {"id":"a","weights":{"long_click":2.5,"save":9,"hide":-4},"params":{},"allocation":0.5}],"end":{"at_ms":1772496000000},
    "settle_ms":0,"washout_ms":0}'
traffic --world "$work/world.json" --experiments "$url" --experiment feed --days 1 --seed 5 --threads 6 \
    >"$work/played" 2>"$work/traffic.log" &
player=$!
results() { curl -fsS "$url/v1/experiments/feed/rounds/1/results" | tr '{' '\n' >"$work/results"; }
sum() { sed -nE "s/.*\"$1\":([0-9]+).*/\1/p" "$work/results" | awk '{ n += $1 } END { print n + 0 }'; }
for part in 10 2; do # killed by progress, not by time: machines differ
    for _ in $(seq 2000); do
        results
        [ "$(sum requests)" -lt $((want_requests / part)) ] || break
    done
    stop_daemon KILL
    sleep 0.3
    start_daemon "$work/data" "${url#http://}"
done
wait "$player" || fail "the player gave up"
check "with a server killed twice"
grep -q " 0 retries" "$work/traffic.log" && fail "the server was killed when nobody was playing any more"
grep -q " 0 late, 0 orphan" "$work/traffic.log" || fail "$(cat "$work/traffic.log")"
results
[ "$(sum requests)" = "$want_requests" ] || fail "the server counted $(sum requests) requests, $want_requests were made"
grep -q '"state":"final"' "$work/results" || fail "the round did not end with the day"

stop_daemon TERM

# --- arms that differ, over two days, through HTTP and in one process: the same people in every arm, the same digits
cat >"$work/round.json" <<'JSON'
{"purpose":"explore","campaign":"c","salt":"arms","exclude_seen":false,"arms":[
    {"id":"control","weights":{"long_click":2.5,"save":9,"hide":-4},"params":{},"allocation":0.4},
    {"id":"a","weights":{"click":1},"params":{},"allocation":0.3},
    {"id":"b","weights":{"save":1,"closeup":2},"params":{},"allocation":0.3}],
    "end":{"at_ms":1772582400000},"settle_ms":0,"washout_ms":0}
JSON
start_daemon "$work/data-arms" 127.0.0.1:0
create
curl -fsS -o "$work/round" -X PUT "$url/v1/experiments/feed/rounds/1" -d @"$work/round.json"
traffic --world "$work/world.json" --experiments "$url" --experiment feed --days 2 --seed 5 --threads 8 >"$work/played" 2>"$work/traffic.log"
curl -fsS "$url/v1/experiments/feed/rounds/1/results" >"$work/http.json"
"$bin/bench_round" "$work/world.json" "$work/model" "$work/dataset" "$work/round.json" --seed 5 >"$work/process.json"
"$bin/bench_round" "$work/world.json" "$work/model" "$work/dataset" "$work/round.json" --seed 5 --table >"$work/table.json"
cmp -s "$work/process.json" "$work/table.json" || fail "the table of probabilities gives other results"
arms() {
    jq -S -c '.arms[] | {id, units, requests, impressions} + ([.metrics[] | select(.name == ("click", "save")) |
        {(.name): [.mean, .se]}] | add)' "$1"
}
arms "$work/http.json" >"$work/http.arms"
arms "$work/process.json" >"$work/process.arms"
cmp -s "$work/http.arms" "$work/process.arms" ||
    fail "HTTP and one process differ: $(diff "$work/http.arms" "$work/process.arms")"
[ "$(grep -c save "$work/process.arms")" = 3 ] && ! grep -q null "$work/process.arms" || fail "$(cat "$work/process.arms")"

# --- a signal ends it cleanly
"$bin/trimtab-traffic" --world "$work/world.json" --experiments "$url" --experiment feed --seed 6 >"$work/played" 2>"$work/traffic.log" &
player=$!
sleep 0.5
kill -TERM "$player"
wait "$player" || fail "exit code $? after SIGTERM"
grep -q "requests ranked" "$work/traffic.log" || fail "no summary after SIGTERM"
stop_daemon TERM
echo "traffic.sh: $want_requests requests, $want_clicks clicks, everywhere the same"
