#!/bin/sh
# What is worth a region: one that stays in itself, when it is known where its jumps go.
# usage: promotions.sh TIERCEL THREADED      (THREADED: the guest program threaded)
set -u
tiercel=$1 threaded=$2
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

[ $failures -eq 0 ]
