#!/bin/sh
# Whole programs in lockstep: each must print and end as it does alone, and the tiers must agree.
# usage: programs.sh TIERCEL LIST GUEST_DIR STRESS_DIR KERNEL_DIR HAS_LLVM
# LIST: one line is the tiercel options, then "guest", "stress" or "kernels", then names.
# Exit status: 0 agreement, 1 a difference, 2 a broken setup.
set -u
tiercel=$1 list=$2 guest=$3 stress=$4 kernels=$5 has_llvm=$6
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-lockstep-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
failures=0 runs=0

# run PROGRAM: in a subshell, so that the shell's word on a death by signal is not seen
run() {
    ("$@" > "$work/out" 2> "$work/err" < /dev/null; exit $?) 2> /dev/null
}

# check PROGRAM; the options are in $options
check() {
    run "$tiercel" --tier=1 --deterministic "$1"
    wanted=$?
    mv "$work/out" "$work/wanted"
    # shellcheck disable=SC2086 # the options are words
    run "$tiercel" $options "$1"
    status=$?
    runs=$((runs + 1))
    [ $status -eq $wanted ] && cmp -s "$work/out" "$work/wanted" &&
        grep -q 'no difference at [1-9]' "$work/err" && return
    failures=$((failures + 1))
    echo "FAILED: $tiercel $options $1: status $status, alone $wanted"
    head -n 40 "$work/err" | sed 's/^/    /'
}

while read -r pair options; do
    case $pair in '' | '#'*) continue ;; *[23]) $has_llvm || continue ;; esac
    names=${options#*: }
    options="--lockstep=$pair ${options%%:*}"
    for name in $names; do
        case $name in
        kernel/*) program=$kernels/${name#*/} ;;
        stress/*) program=$stress/${name#*/} ;;
        *) program=$guest/$name.riscv64 ;;
        esac
        [ -x "$program" ] || { echo "$program is missing"; exit 2; }
        check "$program"
    done
done < "$list"

echo "$runs runs, $failures failed"
[ $failures -eq 0 ]
