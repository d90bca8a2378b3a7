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

# expected COPIES: the output where so many copies of standard error are left
expected() {
    printf 'without a timer: 0\nwith a timer: some\nclosed: 0\nstandard error: %s, lost 0\n' "$1"
    printf 'code memory: 1, lost 0\nnext: 2\n'
}
expected 1 >"$work/printing"
expected 0 >"$work/silent"
modes='--tier=0 --tier=1'
[ "$has_llvm" = llvm ] && modes="$modes --t2=100"
for mode in $modes; do
    for option in --stats --strace; do
        "$tiercel" $mode $option "$program" >"$work/out" 2>"$work/err" </dev/null
        status=$?
        [ $status -eq 3 ] || fail "$mode $option: status $status"
        cmp -s "$work/printing" "$work/out" || fail "$mode $option: $(cat "$work/out")"
        end='^outside generated code: '
        [ $option = --strace ] && end='^exit_group(3'
        grep -q "$end" "$work/err" || fail "$mode $option: no end in $(tail -n 3 "$work/err")"
    done
    # Otherwise no copy is left that a reader of the guest's stderr would wait for.
    for option in '' "--stats=json:$work/stats"; do
        "$tiercel" $mode $option "$program" >"$work/out" 2>"$work/err" </dev/null
        cmp -s "$work/silent" "$work/out" || fail "$mode $option: $(cat "$work/out")"
    done
done

[ $failures -eq 0 ]
