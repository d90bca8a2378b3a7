#!/bin/sh
# What is worth a region: one that stays in itself, when it is known where its jumps go.
# usage: promotions.sh TIERCEL THREADED HEAP REMADE      (guest programs)
set -u
tiercel=$1 threaded=$2 heap=$3 remade=$4
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-promotions-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# promotions OPTION...: the lines of --dump=promotions
promotions() {
    "$tiercel" --jit-threads=0 --t2=20000 "$@" --dump=promotions "$threaded" 2>&1 >/dev/null |
        grep '^promotion '
}

# Each operation's jump is looked at: all of them are one loop, which nothing is seen to leave.
lines=$(promotions) || fail 'no promotion'
echo "$lines" | grep -q ' run=18446744073709551615 .* result=ok$' || fail "no loop: $lines"
echo "$lines" | grep -q ' result=refused$' && fail "refused: $lines"

# Else the jump cache hides where they go, and what seems to be left at once is not compiled ...
lines=$(promotions --features=-observation)
echo "$lines" | grep -q ' run=[1-9][0-9]\{0,1\} .* result=refused$' || fail "not refused: $lines"
echo "$lines" | grep -q ' run=[1-9][0-9]\{0,1\} .* result=ok$' && fail "not refused: $lines"

# ... unless its run does not matter.
lines=$(promotions --features=-observation,-run_length)
echo "$lines" | grep -q ' run=[1-9][0-9]\{0,1\} .* result=ok$' || fail "not compiled: $lines"
echo "$lines" | grep -q ' result=refused$' && fail "refused all the same: $lines"

# Where there are compile threads samples find what is to be counted ...
count() {
    sed -n 's/.*"'"$1"'": \([0-9]*\),.*/\1/p' "$work/stats"
}
# (a run can be over before the compile is, on a busy machine: one of ten must not)
sampled() {
    for try in 1 2 3 4 5 6 7 8 9 10; do
        "$tiercel" --dump=promotions --stats=json:"$work/stats" "$heap" 2>"$work/lines" >/dev/null
        [ "$(count samples)" -gt 0 ] && [ "$(count counted)" -gt 0 ] &&
            grep -q '^promotion .* result=ok$' "$work/lines" && return
    done
    return 1
}
sampled || fail "$(count samples) samples, $(count counted) counted, promoted: $(cat "$work/lines")"

# ... and elsewhere everything is counted.
for off in --features=-sampling --jit-threads=0 --deterministic; do
    "$tiercel" $off --dump=promotions --stats=json:"$work/stats" "$heap" 2>"$work/lines" >/dev/null
    [ "$(count samples)$(count counted)" = 00 ] || fail "samples in spite of $off"
    grep -q '^promotion .* result=ok$' "$work/lines" || fail "no promotion with $off"
done

# What a region assumes is wrong where it is entered by a way that later ones lack: those are not made again for it
# (15 times, if they are).
lines=$("$tiercel" --jit-threads=0 --t2=2000 --t3=2000 --dump=promotions "$remade" 2>&1 >/dev/null |
    sed -n 's/^promotion tier=3 root=\([^ ]*\) .* result=ok$/\1/p' | sort | uniq -c | sort -rn)
most=$(echo "$lines" | awk 'NR == 1 { print $1 }')
[ "${most:-0}" -ge 3 ] && [ "$most" -le 6 ] || fail "regions made again: $lines"

[ $failures -eq 0 ]
