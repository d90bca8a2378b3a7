#!/bin/sh
# tiercel-bench as a user meets it: subcommands, bad options, tables, files, pictures.
# usage: bench.sh TIERCEL_BENCH
set -u
bench=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# expect STATUS TEXT ARGS...: tiercel-bench ARGS ends with STATUS and says TEXT somewhere.
expect() {
    status=$1 text=$2
    shift 2
    "$bench" "$@" >"$work/out" 2>&1 </dev/null
    got=$?
    [ $got -eq "$status" ] || fail "tiercel-bench $*: status $got, not $status: $(cat "$work/out")"
    grep -qF -e "$text" "$work/out" || fail "tiercel-bench $*: no '$text' in: $(cat "$work/out")"
}

expect 2 'no subcommand'
expect 2 'unknown subcommand' nonsense
expect 0 'ablate' --help
expect 2 "'warp' is unknown" compare --modes=warp
expect 2 "'nosuch' is unknown" compare --kernels=nosuch
expect 2 'above 0' compare --seconds=0
expect 2 "'nosuch' is unknown" ablate --techniques=nosuch
expect 2 'no technique' ablate --modes=native
expect 2 '--vary is missing' sweep
expect 2 'OPTION=VALUE' sweep --vary=t2
expect 2 'more than' sweep --vary='t1=0,1,2,3,4,5,6,7,8,9 t2=0,1,2,3,4,5,6,7,8,9 t3=0,1,2,3,4,5,6,7,8,9,10'
expect 2 'unknown option' compare --vary=t2=1
expect 2 'table only' translate --json
expect 2 'does not translate' translate --modes=native
expect 0 'tier1' translate --runs=1
expect 1 'exit status 126' translate --runs=1 -- /bin/sh
expect 1 '.svg' compare --plot="$work/picture.bmp"

expect 0 'exact_fp           auto' ablate --list

short="--kernels=cipher --seconds=0.005 --runs=1"
# shellcheck disable=SC2086 # several options
{
    expect 0 'tier1 -allocation' ablate $short --modes=tier1 --techniques=chaining,allocation \
        --plot="$work/worth.svg"
    expect 0 'tier0 -superinstructions' ablate $short --modes=tier0 --techniques=superinstructions \
        --plot="$work/worth.txt"
    cd "$work" || exit 2
    expect 0 'picture: ablate.svg' ablate $short --modes=tier0 --techniques=threading
    expect 2 "no technique" ablate $short --modes=tier1 --techniques=superinstructions
    expect 0 'auto t2=100 t3=0' sweep $short --vary='t2=100 t3=0,5'
    expect 0 'auto t2=100 t3=5' sweep $short --vary='t2=100 t3=0,5' --csv="$work/sweep.csv" \
        --plot="$work/sweep.svg"
    # an option that tiercel refuses is a row in trouble, not a figure
    expect 1 'in trouble' sweep $short --vary='nosuch=1'
}
[ "$(grep -c ',"auto' "$work/sweep.csv")" -eq 3 ] || fail "sweep: $(cat "$work/sweep.csv")"
for picture in sweep worth ablate; do
    grep -q '<svg' "$work/$picture.svg" || fail "$picture.svg is no picture"
done
grep -q 'tier0 -superinstructions' "$work/worth.txt" || fail 'worth.txt has no labels'

if [ $failures -gt 0 ]; then
    echo "$failures failed"
    exit 1
fi
