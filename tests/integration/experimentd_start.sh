#!/usr/bin/env bash
# What keeps the daemon from starting is said in one line, with exit code 1 (2 for wrong usage); what it leaves behind is gone.
bin=$1
. tests/lib/experimentd.sh
make_model

# WANT TEXT ARGS...: runs the daemon, which must end with that code and name the reason in one line.
refuses() {
    local want=$1 text=$2 code=0
    shift 2
    timeout 20 "$bin/trimtab-experimentd" "$@" >"$work/out" 2>&1 || code=$?
    [ "$code" = "$want" ] || fail "exit code $code, not $want: $(cat "$work/out")"
    grep -qF -- "$text" "$work/out" || fail "\"$text\" is not in: $(cat "$work/out")"
    [ "$(wc -l <"$work/out")" = 1 ] || fail "more than one line: $(cat "$work/out")"
}
files=(--model "$work/model" --dataset "$work/dataset")
on_free_port=(--listen 127.0.0.1:0 "${files[@]}")

refuses 2 "--port is not an option" --port 1
refuses 2 "--threads 0: allowed are 1 to 256" --threads 0
refuses 1 "--model FILE is missing" --data "$work/data"
refuses 1 "a fake clock is allowed on loopback only" --data "$work/data" "${files[@]}" --listen 0.0.0.0:0 --fake-clock 1
refuses 1 "0.0.0.0" --data "$work/data" "${files[@]}" --listen 0.0.0.0:0
refuses 1 "$work/none" --data "$work/data" --listen 127.0.0.1:0 --model "$work/none" --dataset "$work/dataset"
refuses 1 "precision quarter is unknown: single or half is expected" --data "$work/data" "${on_free_port[@]}" --ranker-precision quarter
grep -qw avx512_fp16 /proc/cpuinfo || refuses 1 "half precision needs" --data "$work/data" "${on_free_port[@]}" --ranker-precision half

head -c 5000 "$work/model" >"$work/short"
refuses 1 "$work/short" --data "$work/data" --listen 127.0.0.1:0 --model "$work/short" --dataset "$work/dataset"
cp "$work/model" "$work/flipped"
printf '\xff' | dd of="$work/flipped" bs=1 seek=3000 conv=notrunc status=none
refuses 1 "$work/flipped" --data "$work/data" --listen 127.0.0.1:0 --model "$work/flipped" --dataset "$work/dataset"
refuses 1 "$work/model" --data "$work/data" --listen 127.0.0.1:0 --model "$work/model" --dataset "$work/model"

# A folder that is a file; one without permission (root may write everywhere, so only others can see that).
refuses 1 "$work/model" --data "$work/model" "${on_free_port[@]}"
if [ "$(id -u)" -ne 0 ]; then
    mkdir -m 0500 "$work/closed"
    refuses 1 "$work/closed" --data "$work/closed/data" "${on_free_port[@]}"
elif command -v setpriv >/dev/null; then
    chmod 0755 "$work"
    mkdir -m 0700 "$work/closed"
    code=0
    setpriv --reuid=65534 --regid=65534 --clear-groups "$bin/trimtab-experimentd" --data "$work/closed" "${on_free_port[@]}" >"$work/out" 2>&1 || code=$?
    [ "$code" = 1 ] && grep -q "$work/closed.*ermission" "$work/out" || fail "a folder without permission: $code $(cat "$work/out")"
fi

start
port=${url##*:}
refuses 1 "$port" --data "$work/other" "${files[@]}" --listen "127.0.0.1:$port"
refuses 1 "--data $work/data is in use" --data "$work/data" "${on_free_port[@]}"
expect 201 PUT /v1/experiments/feed "$EXPERIMENT" >/dev/null
expect 409 PUT /v1/clock '{"now_ms":1}' >/dev/null
[ "$(stat -c %a "$work/data")" = 700 ] || fail "the folder has mode $(stat -c %a "$work/data")"
[ "$(stat -c %a "$work/data/experiments.db")" = 600 ] || fail "the database has mode $(stat -c %a "$work/data/experiments.db")"
kill -TERM "$daemon"
code=0
wait "$daemon" || code=$?
daemon=
[ "$code" = 0 ] || fail "SIGTERM: exit code $code"
[ ! -e "$work/data/address" ] || fail "SIGTERM left the address file"
[ ! -s "$work/data/experiments.db-wal" ] || fail "SIGTERM left a WAL"

# A database from a newer version, a damaged one, and a model that lacks a head of an experiment.
cp -r "$work/data" "$work/newer"
printf '\x00\x00\x00\x63' | dd of="$work/newer/experiments.db" bs=1 seek=60 conv=notrunc status=none
refuses 1 "database version 99 is newer than this program's" --data "$work/newer" "${on_free_port[@]}"
mkdir "$work/damaged"
head -c 4096 /dev/urandom >"$work/damaged/experiments.db"
refuses 1 "$work/damaged/experiments.db" --data "$work/damaged" "${on_free_port[@]}"
sed -i 's/"save","column":"save"/"keep","column":"save"/' "$work/source/schema.json"
"$bin/trimtab-ranker" import generic "$work/source" --out "$work/dataset2" >/dev/null
"$bin/trimtab-ranker" train "$work/dataset2" --out "$work/model2" --epochs 1 >/dev/null 2>&1
refuses 1 'which the model lacks: its heads are click, keep, hide' \
    --data "$work/data" --listen 127.0.0.1:0 --model "$work/model2" --dataset "$work/dataset2"

# A configuration file, tokens with scopes, and new tokens by SIGHUP.
(umask 077; printf 'control 0123456789abcdef-control\nserve,events 0123456789abcdef-serve\n' >"$work/tokens")
precision=single
! grep -qw avx512_fp16 /proc/cpuinfo || precision=half
printf '# options\ntoken-file = %s\nthreads = 1\nranker-precision = %s\n' "$work/tokens" "$precision" >"$work/config"
start --config "$work/config"
code_of() { curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" -X "$2" ${4+-d "$4"} "$url$3"; }
rank='{"experiment":"feed","unit":"u","candidates":["1","2"]}'
[ "$(code_of 0123456789abcdef-serve POST /v1/rank "$rank")" = 200 ] || fail "the serve token cannot rank"
[ "$(code_of 0123456789abcdef-control POST /v1/rank "$rank")" = 403 ] || fail "the control token can rank"
[ "$(code_of 0123456789abcdef-serve PUT /v1/experiments/x "$EXPERIMENT")" = 403 ] || fail "the serve token can control"
[ "$(code_of 0123456789abcdef-serve GET /v1/experiments/feed)" = 200 ] || fail "the serve token cannot read"
[ "$(code_of nobody-nobody-nobody GET /v1/experiments/feed)" = 401 ] || fail "anybody can read"
printf 'serve 0123456789abcdef-fresh\n' >"$work/tokens"
kill -HUP "$daemon"
for _ in $(seq 100); do
    [ "$(code_of 0123456789abcdef-fresh POST /v1/rank "$rank")" != 200 ] || break
    sleep 0.05
done
[ "$(code_of 0123456789abcdef-fresh POST /v1/rank "$rank")" = 200 ] || fail "SIGHUP did not bring the new token"
[ "$(code_of 0123456789abcdef-serve POST /v1/rank "$rank")" = 401 ] || fail "SIGHUP left the old token"

(umask 077; seq -f 'serve 0123456789abcdef-%g' 257 >"$work/crowd")
refuses 1 "more than 256 tokens" --data "$work/other" "${on_free_port[@]}" --token-file "$work/crowd"

# What cannot be read is said, and no secret with it.
printf 'serve 0123456789abcdef-later\nserve tooshort\n' >"$work/tokens"
kill -HUP "$daemon"
for _ in $(seq 100); do
    grep -q 'msg="the old tokens stay"' "$work/log" && break
    sleep 0.05
done
grep 'level=warn msg="the old tokens stay"' "$work/log" | grep -q "$work/tokens:2: the token" || fail "no line names line 2 of the token file"
[ "$(code_of 0123456789abcdef-fresh POST /v1/rank '{"experiment":"feed","unit":"unit-4711","candidates":["1"],"forced_arm":"x"}')" = 404 ] ||
    fail "the old token is gone"
! grep -E '0123456789abcdef|tooshort|unit-4711' "$work/log" || fail "the log has a token or a unit"
echo "starts, refusals and signals as documented"
