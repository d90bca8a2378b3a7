#!/bin/sh
# Runs guest programs under tiercel in every way configurations.txt lists, and compares what they
# print and how they end. usage: stress.sh TIERCEL CONFIGURATIONS SECONDS_PER_RUN OWN_DIRECTORY
#                                   [RISCV64_KERNELS NATIVE_KERNELS]
# Exit status: 0 as expected, 1 a difference, 2 a broken setup.
tiercel=$1 configurations=$2 limit=$3 own=$4 kernels=$5 native=$6
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-stress-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
failures=0 runs=0

# check WANTED_OUTPUT_FILE WANTED_STATUS PROGRAM ARGUMENTS...; the options are in $options
check() {
    wanted=$1 wanted_status=$2
    shift 2
    runs=$((runs + 1))
    # in a subshell that outlives it, so that the shell's word on a death by signal is not seen
    # shellcheck disable=SC2086 # the options are words
    (
        timeout -k 1 "$limit" "$tiercel" $options "$@" < /dev/null > "$work/out" 2> "$work/err"
        exit $?
    ) 2> /dev/null
    status=$?
    cmp -s "$wanted" "$work/out" && [ $status -eq "$wanted_status" ] && return
    failures=$((failures + 1))
    echo "FAILED: $tiercel $options $*"
    echo "  status $status instead of $wanted_status; output:"
    head -n 5 "$work/out" | sed 's/^/    /'
    head -n 5 "$work/err" | sed 's/^/    /'
}

own_names="self_modify code_pages gone many_functions hot_loop under_execution"
for name in $own_names; do
    [ -x "$own/$name" ] || { echo "$own/$name is missing"; exit 2; }
    echo "$name ok" > "$work/$name.wanted"
done
kernel_names="numeric_sort string_sort interpreter lu"
[ -n "$kernels" ] || kernel_names=
for name in $kernel_names; do
    "$native/$name" > "$work/$name.wanted" || { echo "$native/$name fails"; exit 2; }
done

has_llvm=true
case $("$tiercel" --version) in *'no LLVM'*) has_llvm=false ;; esac
while read -r group options; do
    case $group in '' | '#'*) continue ;; esac
    case $options in *--tier=2*) $has_llvm || continue ;; esac
    for name in $own_names; do
        status=0
        [ "$name" = gone ] && status=139 # death by SIGSEGV
        check "$work/$name.wanted" $status "$own/$name"
    done
    [ "$group" = all ] || continue
    for name in $kernel_names; do
        check "$work/$name.wanted" 0 "$kernels/$name"
    done
done < "$configurations"

echo "$runs runs, $failures failed"
[ $failures -eq 0 ]
