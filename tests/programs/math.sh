#!/bin/sh
# The mathematical library under tiercel: what IEEE 754 fixes against the native build, all of it
# against qemu-riscv64 on the same binary, bit for bit.
# usage: math.sh TIERCEL NATIVE PROGRAM OPTIONS...   (each OPTIONS is one way of running tiercel)
# Exit status: 0 agreement, 1 a difference, 2 a broken setup, 77 qemu-riscv64 is missing.
tiercel=$1 native=$2 program=$3
shift 3
command -v qemu-riscv64 > /dev/null || { echo "SKIPPED: qemu-riscv64 is missing"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-math-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
"$native" > "$work/fixed" || { echo "$native fails"; exit 2; }
qemu-riscv64 "$program" all > "$work/all" || { echo "$program fails under qemu-riscv64"; exit 2; }
[ -s "$work/fixed" ] && [ -s "$work/all" ] || { echo "the programs print nothing"; exit 2; }

failures=0
# compare WANTED OPTIONS ARGUMENT...
compare() {
    wanted=$1 options=$2
    shift 2
    # shellcheck disable=SC2086 # the options are words
    timeout 300 "$tiercel" $options "$program" "$@" > "$work/found" 2> "$work/err"
    status=$?
    cmp -s "$wanted" "$work/found" && [ $status -eq 0 ] && return
    failures=$((failures + 1))
    echo "DIFFERENCE: $tiercel $options $program $* (status $status; wanted <, found >)"
    diff "$wanted" "$work/found" | grep '^[<>]' | head -n 20
    head -n 5 "$work/err"
}
for options; do
    compare "$work/fixed" "$options"
    compare "$work/all" "$options" all
done
echo "$(wc -l < "$work/fixed") lines native, $(wc -l < "$work/all") lines qemu, $# ways," \
    "$failures differences"
[ $failures -eq 0 ] && [ $# -gt 0 ]
