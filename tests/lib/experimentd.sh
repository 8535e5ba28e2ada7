# Sourced by tests/integration/experimentd_*.sh: a tiny model, and a daemon in a folder of its own.   bin=the programs' folder
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/trimtab_experimentd_XXXXXX")
daemon=
as=() # before the daemon's command line: setpriv
finish() {
    [ -z "$daemon" ] || { kill -9 "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; }
    rm -rf "$work"
}
trap finish EXIT

fail() { echo "FAIL: $*" >&2; [ ! -f "$work/log" ] || tail -n 20 "$work/log" >&2; exit 1; }

# $work/model, $work/dataset: 300 users, 500 items, heads click save hide, context tab.
make_model() {
    mkdir -p "$work/source"
    cat >"$work/source/schema.json" <<'JSON'
{"version":1,"log":{"file":"log.csv","user":"user","item":"item","time_ms":"time_ms","day":"date",
 "heads":[{"name":"click","column":"click"},{"name":"save","column":"save"},{"name":"hide","column":"hide"}],
 "context":[{"name":"tab","column":"tab","kind":"categorical"}]},
 "users":{"file":"users.csv","id":"user","columns":[{"name":"segment","kind":"categorical"}]},
 "items":{"file":"items.csv","id":"item","columns":[{"name":"category","kind":"categorical"}]}}
JSON
    awk -v folder="$work/source" 'BEGIN {
        srand(7); log_file = folder "/log.csv"; users = folder "/users.csv"; items = folder "/items.csv"
        print "user,item,time_ms,date,tab,click,save,hide" >log_file; print "user,segment" >users; print "item,category" >items
        for (u = 0; u < 300; u++) print u "," u % 3 >users
        for (i = 0; i < 500; i++) print i "," i % 7 >items
        for (d = 0; d < 3; d++) for (r = 0; r < 1500; r++) {
            u = int(rand() * 300); i = int(rand() * 500)
            printf "%d,%d,%.0f,%d,%d,%d,%d,%d\n", u, i, 1650844800000 + d * 86400000 + r * 1000, 20220425 + d, i % 2,
                rand() < .2 + .05 * (i % 7), rand() < .1 + .1 * (u % 3 == 1), rand() < .03 >log_file
        }
    }'
    "$bin/trimtab-ranker" import generic "$work/source" --out "$work/dataset" >/dev/null
    "$bin/trimtab-ranker" train "$work/dataset" --out "$work/model" --epochs 1 >/dev/null 2>&1
}

# Adds histories to the dataset of make_model: $work/histories, from $work/source-histories.
make_histories() {
    cp -r "$work/source" "$work/source-histories"
    sed -i '$ s/}$/,"histories":[{"name":"view","file":"view.csv","user":"user","item":"item"},{"name":"like","file":"like.csv","user":"user","item":"item"}]}/' \
        "$work/source-histories/schema.json"
    awk -v folder="$work/source-histories" 'BEGIN {
        srand(8); view = folder "/view.csv"; like = folder "/like.csv"
        print "user,item" >view; print "user,item" >like
        for (e = 0; e < 3000; e++) { u = int(rand() * 250); i = int(rand() * 40); print u "," i >view; if (e % 9 == 0) print u "," i >like }
    }'
    "$bin/trimtab-ranker" import generic "$work/source-histories" --out "$work/histories" >/dev/null
}

# Starts the daemon on $work/data and waits until it serves; more options as arguments.  Sets daemon, url.
start() {
    rm -f "$work/data/address"
    "${as[@]}" "$bin/trimtab-experimentd" --listen 127.0.0.1:0 --data "$work/data" --model "$work/model" --dataset "$work/dataset" "$@" \
        2>>"$work/log" &
    daemon=$!
    for _ in $(seq "${patience:-200}"); do
        [ ! -s "$work/data/address" ] || break
        kill -0 "$daemon" 2>/dev/null || fail "the daemon ended instead of serving"
        sleep 0.05
    done
    [ -s "$work/data/address" ] || fail "no address file"
    url=http://$(cat "$work/data/address")
}

# METHOD PATH [BODY]: the body of the answer; the HTTP status in $work/status.
call() {
    curl -s -X "$1" -o "$work/answer" -w '%{http_code}' ${3+-d "$3"} "$url$2" >"$work/status" || fail "$1 $2: no answer"
    cat "$work/answer"
}
# WANT METHOD PATH [BODY]: asserts the status.
expect() {
    local want=$1
    shift
    call "$@" >"$work/last"
    [ "$(cat "$work/status")" = "$want" ] || fail "$1 $2: $(cat "$work/status"), not $want: $(cat "$work/last")"
    cat "$work/last"
}

EXPERIMENT='{"heads":["click","save","hide"],"default_weights":{"click":1,"save":3},"metrics":[
 {"name":"clicks","kind":"mean","numerator":{"event":"click","aggregate":"count"}},
 {"name":"ctr","kind":"ratio","numerator":{"event":"click","aggregate":"count"},"denominator":"impression"}]}'
# SALT END: the body of a round of two arms.
round() {
    printf '{"purpose":"explore","campaign":"c","salt":"%s","arms":[{"id":"control","weights":{"click":1},"allocation":0.5},
 {"id":"a1","weights":{"save":1,"hide":-1},"allocation":0.5}],"end":%s}' "$1" "$2"
}
