#!/bin/sh
# Functions taken for those of the C library do as their own code does, in every tier, and those that
# only look like them are left alone (programs/libcalls.c); registers and faults are as they were
# (programs/routines.c).
# usage: libcalls.sh TIERCEL LIBCALLS ROUTINES RETURNS llvm|no
tiercel=$1 program=$2 routines=$3 returns=$4 has_llvm=$5
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-libcalls-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# check OPTIONS...: the same output as without
"$tiercel" --tier=1 --no-routines "$program" > "$work/wanted" || exit 2
check() {
    "$tiercel" "$@" "$program" > "$work/out" 2> "$work/err" || fail "$*: status $?"
    diff "$work/wanted" "$work/out" || fail "$*"
}
check --tier=1
check --tier=1 --opt=none
check --tier=1 --features=-routines
check --tier=1 --features=-pinning
check --tier=1 --stress=drop
check --tier=auto --t1=2 --t2=30000 --jit-threads=0
if [ "$has_llvm" = llvm ]; then
    check --tier=auto
    check --tier=auto --t2=1000 --t3=9000 --jit-threads=0
    check --tier=2 --jit-threads=0
fi

# exact OPTIONS...: all that a caller may rely on, and everything where it faults
"$tiercel" --tier=0 --no-routines "$routines" 1 0 kept > "$work/exact" || exit 2
exact() {
    "$tiercel" "$@" "$routines" 1 0 kept > "$work/out" 2> "$work/err" || fail "faults, $*: status $?"
    diff "$work/exact" "$work/out" || fail "faults, $*"
}
exact --tier=auto --t2=30000
if [ "$has_llvm" = llvm ]; then
    exact --tier=auto --t2=300 --t3=600 --jit-threads=0
fi

# Which functions are taken for what.
grep -q avx2 /proc/cpuinfo || { echo 'no AVX2: nothing is recognised'; exit $failures; }
"$tiercel" --tier=1 --stats=json:"$work/stats" "$program" > /dev/null
"$tiercel" "$program" list > "$work/list" || exit 2
[ -s "$work/list" ] || fail "no list"
while read -r pc name like; do
    got=$(sed -n 's/.*{"pc": "'"$pc"'", "like": "\([^"]*\)"}.*/\1/p' "$work/stats")
    [ "${got:--}" = "$like" ] || fail "$name is taken for ${got:-nothing}, not $like"
done < "$work/list"
served() {
    sed -n 's/.*"'"$1"'": {"times": \([0-9]*\),.*/\1/p' "$2"
}
for kind in move set length compare compare_z seek seek_z; do
    [ "$(served $kind "$work/stats")" -gt 5000 ] || fail "$kind has served $(served $kind "$work/stats") times"
done
if [ "$has_llvm" = llvm ]; then # a short way to tier 2 leaves no time to watch: all are looked at
    "$tiercel" --tier=auto --t2=30000 --stats=json:"$work/stats" "$routines" 1 0 kept > /dev/null
    for kind in move set length compare compare_z seek seek_z; do
        [ "$(served $kind "$work/stats")" -gt 300 ] ||
            fail "$kind has served $(served $kind "$work/stats") times"
    done
fi
# What jumped to a block before it was made again for such a function finds the new code.
"$tiercel" --tier=1 --stats=json:"$work/stats" "$returns" > /dev/null
hits=$(sed -n 's/.*"next_block_hits": \([0-9]*\),.*/\1/p' "$work/stats")
[ "${hits:-none}" -lt 1000 ] || fail "returns goes by the loop $hits times"
for off in --no-routines --features=-libcalls; do
    "$tiercel" --tier=1 $off --stats=json:"$work/stats" "$program" > /dev/null
    for kind in move set length compare compare_z seek seek_z; do
        [ "$(served $kind "$work/stats")" -eq 0 ] || fail "$kind has served in spite of $off"
    done
done
exit $failures
