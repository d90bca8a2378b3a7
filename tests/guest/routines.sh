#!/bin/sh
# Recognised routines leave registers, memory and faults as the loops themselves do, in every tier:
# programs/routines.c prints numbers that depend on all of them.
# Functions that are done at once leave less (libcalls.sh): here they are off.
# usage: routines.sh TIERCEL PROGRAM llvm|no
tiercel=$1 program=$2 has_llvm=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-routines-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# check LOOPS OPTIONS...: the same output as the loops themselves in tier 0
check() {
    loops=$1
    shift
    # shellcheck disable=SC2086 # words
    "$tiercel" --tier=0 --no-routines "$program" $loops > "$work/wanted" || exit 2
    # shellcheck disable=SC2086
    "$tiercel" --features=-libcalls "$@" "$program" $loops > "$work/out" 2> "$work/err" || fail "$*: status $?"
    diff "$work/wanted" "$work/out" || fail "$*"
}

check '' --tier=0
check '' --tier=1
check '' --tier=1 --no-routines
check '' --tier=1 --opt=none
check '' --tier=1 --block-insns=2
check '3 1' --tier=1 --code-memory=128K
if [ "$has_llvm" = llvm ]; then
    check '' --tier=auto --t2=30 --t3=100
    check '9 4' --tier=auto --t2=1000 --t3=2000 --jit-threads=0
    check '20 5' --tier=2 --jit-threads=0
fi

# They were used, each kind of them; and not when switched off.
grep -q avx2 /proc/cpuinfo || { echo 'no AVX2: nothing is recognised'; exit $failures; }
served() {
    sed -n 's/.*"'"$1"'": {"times": \([0-9]*\),.*/\1/p' "$work/stats"
}
"$tiercel" --tier=1 --features=-libcalls --stats=json:"$work/stats" "$program" > /dev/null
for kind in copy copy_back fill find match match_z probe; do
    [ "$(served $kind)" -gt 1000 ] || fail "$kind has served $(served $kind) times"
done
for off in --no-routines --features=-routines; do
    "$tiercel" --tier=1 $off --stats=json:"$work/stats" "$program" > /dev/null
    for kind in copy copy_back fill find match match_z probe; do
        [ "$(served $kind)" -eq 0 ] || fail "$kind has served in spite of $off"
    done
done
exit $failures
