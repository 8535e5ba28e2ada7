#!/usr/bin/env bash
# What keeps trimtabd from starting is said in one line, with exit code 1 (2 for wrong usage); signals; tokens; configuration.
bin=$1
. tests/lib/trimtabd.sh

# WANT TEXT ARGS...: runs the daemon, which must end with that code and name the reason in one line.
refuses() {
    local want=$1 text=$2 code=0
    shift 2
    timeout 20 "$bin/trimtabd" "$@" >"$work/out" 2>&1 || code=$?
    [ "$code" = "$want" ] || fail "exit code $code, not $want: $(cat "$work/out")"
    grep -qF -- "$text" "$work/out" || fail "\"$text\" is not in: $(cat "$work/out")"
    [ "$(wc -l <"$work/out")" = 1 ] || fail "more than one line: $(cat "$work/out")"
}
port0=(--listen 127.0.0.1:0)

refuses 2 "--port is not an option" --port 1
refuses 2 "--poll-ms 0: allowed are" --poll-ms 0
refuses 2 "--fake-clock" --fake-clock -5
refuses 1 'allowed is ADDRESS:PORT' --data "$work/d" --listen 8471
refuses 1 "0.0.0.0" --data "$work/d" --listen 0.0.0.0:0
refuses 1 "ftp://x" --data "$work/d" "${port0[@]}" --experiments ftp://x
refuses 1 "$work/no-token" --data "$work/d" "${port0[@]}" --experiments-token-file "$work/no-token"
refuses 1 "a fake clock is allowed on loopback only" --data "$work/d" --listen 0.0.0.0:0 --fake-clock 1
echo text >"$work/file"
refuses 1 "$work/file" --data "$work/file" "${port0[@]}"
refuses 1 "$work/file" --data "$work/file/below" "${port0[@]}"
# A folder without permission; root may write everywhere, so there another user tries.
mkdir -m 0500 "$work/closed"
if [ "$(id -u)" -ne 0 ]; then
    refuses 1 "$work/closed" --data "$work/closed/data" "${port0[@]}"
elif command -v setpriv >/dev/null; then
    chmod 0755 "$work"
    code=0
    setpriv --reuid=65534 --regid=65534 --clear-groups "$bin/trimtabd" --data "$work/closed" "${port0[@]}" >"$work/out" 2>&1 || code=$?
    [ "$code" = 1 ] && grep -q "$work/closed.*ermission" "$work/out" || fail "a folder without permission: $code $(cat "$work/out")"
fi

start trimtabd "$work/data" "$bin/trimtabd" "${port0[@]}" --experiments http://127.0.0.1:9
port=${url##*:}
refuses 1 "$port" --data "$work/other" --listen "127.0.0.1:$port"
refuses 1 "--data $work/data is in use by another trimtabd" --data "$work/data" "${port0[@]}"
[ "$(stat -c %a "$work/data")" = 700 ] || fail "the folder has mode $(stat -c %a "$work/data")"
[ "$(stat -c %a "$work/data/trimtab.db")" = 600 ] || fail "the database has mode $(stat -c %a "$work/data/trimtab.db")"
[ "$(curl -s "$url/healthz")" = '{"status":"ok"}' ] || fail "/healthz"
diff <(curl -s "$url/metrics" | sed -n 's/^\(trimtabd_[a-z_]*\).*/\1/p' | sort -u) \
    <(sed -n 's/^| `\(trimtabd_[a-z_]*\)`.*/\1/p' docs/operations.md | sort) >&2 || fail "the metrics served and those in docs/operations.md differ"
curl -s "$url/openapi.yaml" | cmp -s - docs/openapi/tuner.yaml || fail "/openapi.yaml is not the file"
[ "$(curl -s -o /dev/null -w '%{http_code}' -X PUT -d '{"now_ms":1}' "$url/v1/clock")" = 409 ] || fail "a real clock was set"
code=0
kill -TERM "$pid"
wait "$pid" || code=$?
[ "$code" = 0 ] || fail "SIGTERM: exit code $code"
[ ! -e "$work/data/address" ] || fail "SIGTERM left the address file"
[ ! -s "$work/data/trimtab.db-wal" ] || fail "SIGTERM left a WAL"

# An API that takes connections and never answers, here a stopped process, does not keep it from ending.
start hanging "$work/hanging" "$bin/trimtabd" "${port0[@]}" --experiments http://127.0.0.1:9
kill -STOP "$pid"
start trimtabd "$work/data" "$bin/trimtabd" "${port0[@]}" --experiments "$url"
curl -s -X POST -d @docs/examples/campaign.json "$url/v1/campaigns" >"$work/answer" &
launch=$!
for _ in $(seq 200); do # the launch and this question itself
    [ "$(curl -s "$url/metrics" | sed -n 's/^trimtabd_http_in_flight //p')" -lt 2 ] || break
    sleep 0.05
done
code=0
kill -TERM "$pid"
wait "$pid" || code=$?
wait "$launch" || fail "a launch while the API hangs has no answer"
[ "$code" = 0 ] || fail "SIGTERM while the API hangs: exit code $code"
grep -q "given up, this program is stopping" "$work/answer" || fail "a launch while the API hangs: $(cat "$work/answer")"

# A database from a newer version, and one that is none.
cp -r "$work/data" "$work/newer"
printf '\x00\x00\x00\x63' | dd of="$work/newer/trimtab.db" bs=1 seek=60 conv=notrunc status=none
refuses 1 "database version 99 is newer than this program's" --data "$work/newer" "${port0[@]}"
mkdir "$work/damaged"
head -c 4096 /dev/urandom >"$work/damaged/trimtab.db"
refuses 1 "$work/damaged/trimtab.db" --data "$work/damaged" "${port0[@]}"

# A configuration file, tokens with scopes, and new tokens by SIGHUP.
(umask 077; printf 'read 0123456789abcdef-read\n' >"$work/tokens")
printf '# options\ntoken-file = %s\npoll-ms = 50\n' "$work/tokens" >"$work/config"
start trimtabd "$work/data" "$bin/trimtabd" "${port0[@]}" --config "$work/config"
code_of() { curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" -X "$2" ${4+-d "$4"} "$url$3"; }
[ "$(code_of 0123456789abcdef-read GET /v1/campaigns)" = 200 ] || fail "the token is not known"
[ "$(code_of 0123456789abcdef-read POST /v1/campaigns '{}')" = 403 ] || fail "a reader may launch"
[ "$(code_of 0123456789abcdef-none GET /v1/campaigns)" = 401 ] || fail "an unknown token may read"
(umask 077; printf 'read,operate 0123456789abcdef-both\n' >"$work/tokens")
kill -HUP "$pid"
for _ in $(seq 100); do
    [ "$(code_of 0123456789abcdef-both GET /v1/campaigns)" = 401 ] || break
    sleep 0.05
done
[ "$(code_of 0123456789abcdef-both POST /v1/campaigns '{}')" = 400 ] || fail "SIGHUP did not reload the tokens"
[ "$(code_of 0123456789abcdef-read GET /v1/campaigns)" = 401 ] || fail "the old token is still good"
echo "trimtabd starts, stops and refuses as it says"
