#!/usr/bin/env bash
# The official OpenFeature client (npm) against a real daemon with tokens: it fetches an arm's weights, ranks by itself, posts exposures
# and clicks, and the round's results are what it did.  Bulk evaluation with ETags, and both ways to show a token, by curl.
bin=$1
. tests/lib/experimentd.sh
command -v npm >/dev/null || fail "npm is missing: scripts/setup --with-checks installs it"
mkdir "$work/client"
cp tests/openfeature/.npmrc tests/openfeature/* "$work/client/"
(cd "$work/client" && npm ci >npm.log 2>&1) || fail "npm ci: $(tail -n 5 "$work/client/npm.log")"

make_model
install -m 0600 /dev/null "$work/tokens"
printf 'serve,events client-token-0123456789\ncontrol operator-token-0123456789\n' >"$work/tokens"
start --token-file "$work/tokens" --fake-clock 1000000
operator=(-H 'Authorization: Bearer operator-token-0123456789')
put() { curl -fsS "${operator[@]}" -o "$work/answer" -X PUT -d "$2" "$url$1" || fail "PUT $1"; }
put /v1/experiments/feed "$EXPERIMENT"
put /v1/experiments/feed/rounds/1 "$(round salt '{"units_per_arm":1000}')"

node "$work/client/client.mjs" "$url" feed client-token-0123456789 300 >"$work/did.json" || fail "the client failed"
curl -fsS "${operator[@]}" "$url/v1/experiments/feed/rounds/1/results" >"$work/results.json"
jq -e '.control.reason == "SPLIT" and .control.weights.click == 1 and .a1.weights == {"click":0,"save":1,"hide":-1}' "$work/did.json" >/dev/null ||
    fail "weights: $(cat "$work/did.json")"
jq -e -n --slurpfile did "$work/did.json" --slurpfile results "$work/results.json" '
    [$results[0].arms[] | {key: .id, value: {units, impressions, clicks: .metrics[0].sum}}] | from_entries
    | . == ($did[0] | map_values({units, impressions, clicks}))
      and .control.units > 100 and .a1.units > 100 and .control.clicks > .a1.clicks' >/dev/null ||
    fail "the client did $(jq -c 'map_values({units, impressions, clicks})' "$work/did.json"), the results say $(jq -c '[.arms[] | [.id, .units, .impressions, .metrics[0].sum]]' "$work/results.json")"

# Bulk: everything about one user, with a tag that changes when the weights do.
bulk() { # the status; the tag in $work/etag; more arguments for curl
    : >"$work/answer"
    curl -s -D "$work/head" -o "$work/answer" -w '%{http_code}' -H 'X-API-Key: client-token-0123456789' \
        -d '{"context":{"targetingKey":"user-1"}}' "$@" "$url/ofrep/v1/evaluate/flags"
    sed -n 's/^[Ee][Tt]ag: *//p' "$work/head" | tr -d '\r' >"$work/etag"
}
[ "$(bulk)" = 200 ] && jq -e '.flags[0].key == "feed"' "$work/answer" >/dev/null || fail "bulk: $(cat "$work/answer")"
etag=$(cat "$work/etag")
[ "$(bulk -H "If-None-Match: $etag")" = 304 ] && [ ! -s "$work/answer" ] || fail "the same answer again is not 304: $etag, $(cat "$work/head" "$work/answer")"
curl -fsS "${operator[@]}" -o "$work/answer" -d '{"reason":"enough"}' "$url/v1/experiments/feed/rounds/1/stop" || fail "stop"
[ "$(bulk -H "If-None-Match: $etag")" = 200 ] && jq -e '.flags[0].variant == "default"' "$work/answer" >/dev/null || fail "after the round: $(cat "$work/answer")"
[ "$(curl -s -o "$work/answer" -w '%{http_code}' -H 'X-API-Key: somebody-else-0123456789' -d '{}' "$url/ofrep/v1/evaluate/flags")" = 401 ] ||
    fail "an unknown key is not refused: $(cat "$work/answer")"
echo "$(jq -c 'map_values([.units, .impressions, .clicks])' "$work/did.json"): the client and the results agree"
