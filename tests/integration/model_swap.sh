#!/usr/bin/env bash
# SIGHUP brings another model in while clients rank: nobody is refused and none waits, the open round notes it, and a model that cannot
# serve is refused with one line while the old one goes on.     model_swap.sh BIN
bin=$1
. tests/lib/experimentd.sh
make_model
mv "$work/model" "$work/a"
"$bin/trimtab-ranker" train "$work/dataset" --out "$work/b" --epochs 1 --seed 2 >/dev/null 2>&1
sed -i 's/"save","column":"save"/"keep","column":"save"/' "$work/source/schema.json"
"$bin/trimtab-ranker" import generic "$work/source" --out "$work/dataset2" >/dev/null
"$bin/trimtab-ranker" train "$work/dataset2" --out "$work/keep" --epochs 1 >/dev/null 2>&1
make_histories
"$bin/trimtab-ranker" train "$work/histories" --out "$work/pooled" --epochs 1 --pooled view >/dev/null 2>&1
hash_of() { tail -c 32 "$1" | od -An -v -tx1 | tr -d ' \n'; } # the frame's SHA-256
a=$(hash_of "$work/a") b=$(hash_of "$work/b")
[ "$a" != "$b" ] || fail "two seeds, one model"

serving() { expect 200 GET /metrics | sed -n 's/^trimtab_model_info{hash="\(.*\)"} 1$/\1/p'; }
put() { cp "$1" "$work/model.new"; mv "$work/model.new" "$work/model"; }
# HASH FILE: puts the file in place, and waits until it serves.
swap() {
    put "$2"
    kill -HUP "$daemon"
    for _ in $(seq 1200); do
        [ "$(serving)" != "$1" ] || return 0
        sleep 0.02
    done
    fail "SIGHUP did not bring $2"
}
lines() { grep -c 'msg="the old model stays"' "$work/log" || true; }
# TEXT: SIGHUP is refused with one line that has the text; a serves on.
refused() {
    local before
    before=$(lines)
    kill -HUP "$daemon"
    for _ in $(seq 1200); do
        [ "$(lines)" = "$before" ] || break
        sleep 0.05
    done
    [ "$(lines)" = $((before + 1)) ] || fail "no line says that the old model stays: $1"
    grep 'level=warn msg="the old model stays"' "$work/log" | tail -n 1 | grep -qF -- "$1" || fail "\"$1\" is not why"
    [ "$(serving)" = "$a" ] || fail "$1: $(serving) serves"
}
models() { expect 200 GET /v1/experiments/feed/rounds/1/results | jq -r '[.models[].model_hash] | join(" ")'; }

put "$work/a"
start
expect 201 PUT /v1/experiments/feed "$EXPERIMENT" >/dev/null
expect 201 PUT /v1/experiments/feed/rounds/1 "$(round s1 '{"units_per_arm":100000}')" >/dev/null
"$bin/bench_retry" --port "${url##*:}" --requests 100000000 >"$work/load" 2>&1 &
client=$!
trap 'kill -9 "$client" 2>/dev/null || true; finish' EXIT
want=$a
for _ in $(seq 10); do
    swap "$b" "$work/b"
    swap "$a" "$work/a"
    want="$want $b $a"
done
kill -TERM "$client"
wait "$client" || fail "the client: $(cat "$work/load")"
grep -q ' 0 repetitions' "$work/load" || fail "requests failed while models changed: $(cat "$work/load")"
requests=$(grep -o '^[0-9]*' "$work/load")
[ "$requests" -gt 100 ] || fail "only $requests requests while models changed"
[ "$(models)" = "$want" ] || fail "the round notes $(models)"
[ "$(expect 200 GET /v1/experiments/feed/rounds/1/results | jq '[.arms[].requests] | add')" = "$requests" ] || fail "requests are missing in the results"
[ "$(expect 200 GET /readyz | jq -r .model_hash)" = "$a" ] || fail "/readyz does not name the model"

head -c 5000 "$work/b" >"$work/model"
refused "$work/model"
put "$work/b"
printf '\xff' | dd of="$work/model" bs=1 seek=3000 conv=notrunc status=none
refused checksum
rm "$work/model"
refused "$work/model"
put "$work/keep"
refused 'experiment feed: heads[1] is \"save\", which the model lacks: its heads are click, keep, hide'
put "$work/pooled"
refused 'the dataset lacks the column history.view of the users'
put "$work/b"
mkfifo "$work/fifo"
"$bin/bench_database" lock "$work/data/experiments.db" 30000 >"$work/fifo" & # what cannot be noted does not happen
locker=$!
read -r _ <"$work/fifo"
refused locked
kill "$locker"; wait "$locker" 2>/dev/null || true
for _ in $(seq 1200); do
    call GET /readyz >/dev/null
    [ "$(cat "$work/status")" != 200 ] || break
    sleep 0.05
done
[ "$(models)" = "$want" ] || fail "refused models are noted: $(models)"
expect 200 POST /v1/rank '{"experiment":"feed","unit":"u1","candidates":["1","2"]}' >/dev/null

# What was noted survives kill -9, and a start with another model is noted like a swap.
swap "$b" "$work/b"
kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
put "$work/a"
start
[ "$(models)" = "$want $b $a" ] || fail "after a restart the round notes $(models)"
kill -TERM "$daemon"; wait "$daemon" || fail "SIGTERM: exit code $?"
daemon=
echo "20 models under $requests requests, none refused; 6 refusals"
