#!/usr/bin/env bash
# docs/openapi/experiments.yaml is what the running server does: tests/openapi/check.py.     openapi.sh BIN
bin=$1
. tests/lib/experimentd.sh
python=
for candidate in python3 /usr/bin/python3; do
    [ -n "$python" ] || ! "$candidate" -c 'import yaml, jsonschema' 2>/dev/null || python=$candidate
done
[ -n "$python" ] || fail "python3 with yaml and jsonschema is missing: scripts/setup --with-checks installs it"
check() { PYTHONDONTWRITEBYTECODE=1 "$python" -W ignore::DeprecationWarning tests/openapi/check.py "$@" || fail "check.py $1 $3"; }
document=docs/openapi/experiments.yaml
make_model

check routes "$document" experiments/http/service.c
start --fake-clock 1650844800000
expect 200 GET /openapi.yaml >"$work/served.yaml"
cmp "$work/served.yaml" "$document" || fail "the server serves another document"
check play "$document" "$work/seen" main "$url"
mkfifo "$work/fifo"
"$bin/bench_database" lock "$work/data/experiments.db" 60000 >"$work/fifo" &
locker=$!
read -r _ <"$work/fifo"
check play "$document" "$work/seen" locked "$url"
for _ in $(seq 200); do
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ] || break
    sleep 0.05
done
check play "$document" "$work/seen" trouble "$url"
kill "$locker"
stop() { kill -TERM "$daemon"; wait "$daemon" || fail "SIGTERM: exit code $?"; }
stop
check fill "$document" "$work/data/experiments.db"
start --fake-clock 1650844800000
check play "$document" "$work/seen" overflow "$url"
stop
(umask 077; printf '%s\n' 'serve 0123456789abcdef-serve' 'events 0123456789abcdef-events' 'control 0123456789abcdef-control' >"$work/tokens")
start --token-file "$work/tokens"
check access "$document" "$url" "$work/tokens"
stop
start
for phase in real sample busy; do check play "$document" "$work/seen" "$phase" "$url"; done
check report "$document" "$work/seen"
