#!/bin/sh
# Exit status: 0 all found, 1 one not, 2 a broken setup.
# Does lockstep find faults that were put in on purpose, and does its bisection name their place?
# usage: faults.sh TIERCEL BROKEN_TIERCEL NM GUEST HAS_LLVM
set -u
tiercel=$1 broken=$2 nm=$3 guest=$4 has_llvm=$5
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-lockstep-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
failures=0
for file in "$tiercel" "$broken" "$guest"; do
    [ -x "$file" ] || { echo "$file is missing"; exit 2; }
done

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    grep -v '^ *\.' "$work/err" | sed 's/^/    /' | tail -n 40
}

# 0x... of a symbol of the guest
address() {
    printf '0x%x' "0x$("$nm" "$guest" | awk -v name="$1" '$3 == name { print $1 }')"
}

# run STATUS PROGRAM OPTIONS...
run() {
    wanted=$1
    shift
    what="$*"
    "$@" > "$work/out" 2> "$work/err" < /dev/null
    status=$?
    [ $status -eq "$wanted" ] || fail "$what: status $status, not $wanted"
}

# says TEXT: the report of the latest run has a line with this text
says() {
    grep -qF -e "$1" "$work/err" || fail "$what (fault $fault): no '$1' in the report"
}

# finds FAULT PAIR OPTIONS...: exit status 1, and a command to see it again
finds() {
    fault=$1 pair=$2
    shift 2
    LOCKSTEP_FAULT=$fault
    export LOCKSTEP_FAULT
    run 1 "$broken" --lockstep="$pair" "$@" "$guest"
    unset LOCKSTEP_FAULT
    says "replay: $broken --lockstep=$pair"
    says '---- bisection ----'
    says 'compiled again, from the same state: differs'
}

odd=$(address odd)
pairs=T0,T1
[ "$has_llvm" = false ] || pairs='T0,T1 T0,T2 T1,T2 T0,T3'

# without a fault, and with a broken setup
for pair in $pairs; do
    fault=none
    run 7 "$broken" --lockstep="$pair" "$guest"
    says 'no difference at'
    run 7 "$tiercel" --lockstep="$pair" "$guest"
    run 2 "$tiercel" --lockstep="$pair" "$work/nosuchfile"
done
run 2 "$tiercel" --lockstep=T2,T1 "$guest"
run 2 "$tiercel" --lockstep=T0 "$guest"

finds tier1 T0,T1
says 'addi a0,a0,291'
says '  a0  '
says 'all off: differs'
says 'sub.i64' # tier 1's own dump shows what it made of it

finds tier1-store T0,T1
says '  memory 0x'
says 'sd a0,296(s1)'

finds pass T0,T1
says 'all off: agrees'
says 'without forward: agrees  <-'
says 'without fold: differs'

[ "$has_llvm" = false ] || {
    finds tier1 T1,T2
    says '  a0  '
    finds tier1 T0,T2 --t2=20 # before the loop is hot
    says 'tier 1 disagree'

    for pair in T0,T2 T1,T2 T0,T3; do
        finds pass $pair
        says 'without forward: agrees  <-'
        says 'without dead: differs'
        finds step $pair
        says 'gvn: differs  <-'
        says 'no step: agrees'
        finds block $pair
        says "$(printf '%-14s agrees        differs' "$odd")"
        says '  <- the lowering to LLVM'
        says '  a2  '
    done
    finds block T0,T2 --t2=4
    says "$(printf '%-14s agrees        differs' "$odd")"
    # regions leave after a number of polls, or steps would have no end
    run 7 "$tiercel" --lockstep=T0,T2 "$guest"
    grep -qE 'difference at ([6-9]|[0-9]{2,}) boundaries' "$work/err" || fail "$what: few boundaries"
}

[ $failures -eq 0 ] && echo 'every fault was found'
[ $failures -eq 0 ]
