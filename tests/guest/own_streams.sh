#!/bin/sh
# Statistics and traces, whatever the guest does to its signals and descriptors.
# usage: own_streams.sh TIERCEL OWN_STREAMS llvm|no      (the guest program own_streams)
set -u
tiercel=$1 program=$2 has_llvm=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-streams-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

printf 'without a timer: 0\nwith a timer: some\nclosed: 0\nnext: 2\n' >"$work/expected"
modes='--tier=0 --tier=1'
[ "$has_llvm" = llvm ] && modes="$modes --t2=100"
for mode in $modes; do
    for option in --stats --strace; do
        "$tiercel" $mode $option "$program" >"$work/out" 2>"$work/err" </dev/null
        status=$?
        [ $status -eq 3 ] || fail "$mode $option: status $status"
        cmp -s "$work/expected" "$work/out" || fail "$mode $option: $(cat "$work/out")"
        end='^outside generated code: '
        [ $option = --strace ] && end='^exit_group(3'
        grep -q "$end" "$work/err" || fail "$mode $option: no end in $(tail -n 3 "$work/err")"
    done
    # Without them nothing is left behind that a reader of the guest's stderr would wait for.
    "$tiercel" $mode "$program" 2>&1 >"$work/out" </dev/null | cat >"$work/err"
    cmp -s "$work/expected" "$work/out" || fail "$mode: $(cat "$work/out")"
done

[ $failures -eq 0 ] && echo ok
[ $failures -eq 0 ]
