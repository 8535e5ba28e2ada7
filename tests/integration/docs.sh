#!/usr/bin/env bash
# Documentation is true: every command line in a ```sh block of the README and the docs names a program, a verb and options that the
# program's own help knows, and every relative link leads somewhere.   docs.sh BIN
set -euo pipefail
bin=$1
bad=0 checked=0
complain() { echo "$*" >&2; bad=1; }

check_command() { # file, words of the command
    local file=$1 program=$2 verb='' help word
    shift 2
    case "$program" in
    trimtab | trimtab-ranker) verb=${1:-}; [ $# -gt 0 ] && shift ;;
    trimtabd | trimtab-experimentd | trimtab-traffic) ;;
    scripts/*) [ -x "$program" ] || complain "$file: $program is not there"; checked=$((checked + 1)); return ;;
    *) return 0 ;;
    esac
    [ "$verb" = --help ] && verb=''
    # shellcheck disable=SC2086 # an empty verb is no word
    help=$("$bin/$program" $verb --help) || { complain "$file: $program $verb is not a command"; return; }
    for word in "$@"; do
        case "$word" in
        --*) word=${word%%=*}; grep -q -- "$word\b" <<<"$help" || [ "$word" = --help ] || complain "$file: $program $verb has no option $word" ;;
        '#'* | '|' | '>') break ;;
        esac
    done
    checked=$((checked + 1))
}

for file in README.md CONTRIBUTING.md ARCHITECTURE.md docs/*.md docs/adr/*.md; do
    [ -f "$file" ] || continue
    while read -r -a words; do
        [ ${#words[@]} -eq 0 ] || check_command "$file" "${words[@]}"
    done < <(awk '/^```/ {inside = ($0 == "```sh") && !inside; next} inside' "$file" | sed -e :a -e '/\\$/N; s/\\\n//; ta')
    while read -r link; do
        [ -e "$(dirname "$file")/${link%%#*}" ] || complain "$file: the link $link leads nowhere"
    done < <(grep -oE '\]\([^)]+\)' "$file" | sed 's/^](//; s/)$//' | grep -vE '^(https?:|#)' || true)
done
echo "$checked commands checked"
[ "$checked" -gt 5 ] || complain "too few commands were found: the blocks are no longer read"
exit $bad
