#!/usr/bin/env bash
# trimtab against a real trimtabd: usage, unreachable servers, the life of a campaign whose experiment server is down, a restart
# under `watch`, tokens.   tests/integration/cli.sh BIN
set -euo pipefail
bin=$1
work=$(mktemp -d)
daemon=0
cleanup() {
    [ "$daemon" = 0 ] || { kill -9 "$daemon" && wait "$daemon"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
unset TRIMTAB_TOKEN_FILE TRIMTAB_CA_FILE TRIMTAB_EXPERIMENTS_TOKEN_FILE http_proxy
export TRIMTAB_URL=http://127.0.0.1:9 TRIMTAB_EXPERIMENTS_URL=http://127.0.0.1:9

fail() { echo "cli.sh: $*" >&2; echo "--- out" >&2; cat "$work/out" >&2; echo "--- err" >&2; cat "$work/err" >&2; exit 1; }
# run CODE ARGUMENTS...: the exit code is CODE; what was printed is in $work/out and $work/err.
run() {
    local want=$1 code=0
    shift
    timeout 30 "$bin/trimtab" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [ "$code" = "$want" ] || fail "trimtab $*: exit code $code, expected $want"
    [ "$(wc -l <"$work/err")" -le 1 ] || fail "trimtab $*: the error is not one line"
}
says() { grep -qF -- "$1" "$work/out" "$work/err" || fail "\"$1\" was not printed"; }

start_daemon() { # arguments...
    rm -f "$work/data/address"
    "$bin/trimtabd" --data "$work/data" --experiments http://127.0.0.1:9 --poll-ms 50 "$@" >"$work/daemon.log" 2>&1 &
    daemon=$!
    for _ in $(seq 200); do
        [ -s "$work/data/address" ] && break
        sleep 0.05
    done
    [ -s "$work/data/address" ] || { cat "$work/daemon.log" >&2; fail "trimtabd did not start"; }
    export TRIMTAB_URL="http://$(cat "$work/data/address")"
}

# --- usage
run 2; says "a verb is missing"
run 2 lauch x; says '"lauch" is not a verb'
run 2 status; says "usage: trimtab status ID"
run 2 status 1 2; says "2 operands given"
run 2 status x7; says "campaign x7: a number from 1 is expected"
run 2 trial 1 0; says "trial 0"
run 2 trials 1 --json --csv; says "choose one"
run 2 status 1 --jsn; says "--jsn is not an option here"
run 2 promote 1 --trial x; says "--trial x"
run 2 stop 'a/b'; says "experiment a/b"
run 2 watch 1 --poll-ms 0; says "--poll-ms 0: allowed are"
run 0 --help; says "trimtab launch FILE"
run 0 watch --help; says "--patience-s S"
run 0 --version; says "trimtab "

# --- nobody there
run 1 campaigns; says "trimtabd is not reachable at http://127.0.0.1:9"; says "set TRIMTAB_URL"
run 1 watch 1; says "is not reachable"
run 1 stop feed; says "trimtab-experimentd is not reachable"; says "TRIMTAB_EXPERIMENTS_URL"
TRIMTAB_URL=ftp://x run 1 campaigns; says "TRIMTAB_URL: ftp://x is not an address"
TRIMTAB_TOKEN_FILE=$work/none run 1 campaigns; says "$work/none"
run 1 launch "$work/none.json"; says "none.json"
echo '{"name":' >"$work/bad.json"
run 1 launch "$work/bad.json"; says "bad.json: JSON byte 9"

# --- a campaign that waits for its experiment server
cat >"$work/campaign.json" <<'J'
{"name":"demo","experiment":"feed","seed":7,
 "objective":[{"metric":"save","value":0.5},{"metric":"click","value":1.0}],
 "guardrails":[{"metric":"hide","max_relative":0.05}],
 "rounds":{"max":3,"arms":4,"units_per_arm":100},"confirm":{"units_per_arm":200},
 "stop":{"delta":0.005},"promote":"ask"}
J
start_daemon --listen 127.0.0.1:0
run 0 campaigns; says "there is no campaign yet"
run 0 campaigns --json; says '{"campaigns":[]}'
run 1 status 1; says "trimtab campaigns lists the campaigns"
sed 's/"seed"/"sed"/' "$work/campaign.json" >"$work/unknown.json"
run 1 launch "$work/unknown.json"; says 'unknown.json: sed is unknown'
run 0 launch "$work/campaign.json"; says "campaign 1 (demo on feed): "; says "trimtab watch 1 follows it"
run 1 launch "$work/campaign.json"
run 0 status 1; says "campaign 1  demo  on experiment feed"; says "0 of 3 rounds done"
run 0 status 1 --json; says '"experiment":"feed"'; says '"created_ms"'
run 0 status 1 --canonical; says '"experiment":"feed"'
! grep -q -e created_ms -e uuid "$work/out" || fail "--canonical prints what differs between runs"
run 0 campaigns; says "demo"; says "0/3"
run 0 best 1; says "no trial has a result yet"
run 0 best 1 --json; says '{"campaign":1,"best":null,"winner":null}'
run 0 trials 1; says "the campaign has no trial yet"
run 0 trials 1 --json; says '{"trials":[]}'
run 0 trials 1 --csv; says "trial,round,purpose"
run 1 trial 1 1; says "trial"
run 0 pause 1; says "campaign 1"
run 0 status 1 --json; says '"state":"paused"'
run 0 resume 1
run 1 promote 1
run 0 audit 1; says "launch"
run 0 audit 1 --json; says '{"audit":[{"seq":'
run 0 audit 1 --canonical
! grep -q at_ms "$work/out" || fail "--canonical prints times"

# --- watch survives kill -9 and a restart, and says how it ended
address=$(cat "$work/data/address")
timeout 60 "$bin/trimtab" watch 1 --poll-ms 50 >"$work/watch.out" 2>"$work/watch.err" &
watcher=$!
sleep 0.3
kill -9 "$daemon"
{ wait "$daemon"; } 2>/dev/null || true
sleep 0.3
start_daemon --listen "$address"
run 0 cancel 1; says "cancelled"
code=0
wait "$watcher" || code=$?
cp "$work/watch.out" "$work/out"; cp "$work/watch.err" "$work/err"
[ "$code" = 1 ] || fail "watch of a cancelled campaign: exit code $code"
says "cancelled"; says "; trying again"
[ "$(grep -c "trying again" "$work/err")" = 1 ] || fail "watch complains more than once"
run 1 watch 1; says "cancelled"
run 1 launch "$work/campaign.json" --watch --json </dev/null & # a second campaign: the experiment is free again
launcher=$!
sleep 0.5
wait_state() { for _ in $(seq 100); do "$bin/trimtab" status 2 --json 2>/dev/null | grep -q "\"state\":\"$1\"" && return; sleep 0.05; done; fail "campaign 2 is not $1"; }
wait_state waiting
"$bin/trimtab" cancel 2 >/dev/null
wait "$launcher" || exit 1
kill -TERM "$daemon"
wait "$daemon" || fail "trimtabd: exit code $?"
daemon=0

# --- tokens
(umask 077; printf 'read aaaaaaaaaaaaaaaa1\nread,operate bbbbbbbbbbbbbbbb2\n' >"$work/tokens"
 echo aaaaaaaaaaaaaaaa1 >"$work/reader"; echo bbbbbbbbbbbbbbbb2 >"$work/operator")
start_daemon --listen 127.0.0.1:0 --token-file "$work/tokens"
run 1 campaigns; says "set TRIMTAB_TOKEN_FILE to a file that holds your token"
export TRIMTAB_TOKEN_FILE=$work/reader
run 0 campaigns; says "demo"
run 1 launch "$work/campaign.json"; says "needs operate"; says "TRIMTAB_TOKEN_FILE"
TRIMTAB_TOKEN_FILE=$work/operator run 0 launch "$work/campaign.json"
chmod 644 "$work/reader"
run 1 campaigns; says "chmod 600"
echo "cli.sh: passed"
