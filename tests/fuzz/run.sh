#!/bin/sh
# Builds a fuzzer with clang, libFuzzer and the address and undefined sanitizers, and runs it.
# usage: run.sh NAME [--runs=N] [--seconds=N] [--seed=N] [--jobs=N] [--build=FOLDER]
#
# NAME is decoder, elf, ir or cli. Each of --jobs=N processes makes N/jobs runs, with a seed of its
# own. New inputs are kept in FOLDER/work/NAME, and a later run goes on from there. Exit status: 0
# nothing found, 1 a finding (its file and how to replay it are printed), 2 broken setup.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
name=${1:-}
runs=100000 seconds=0 seed=1 jobs=1 build=$root/build-fuzz

die() {
    echo "run.sh: $*" >&2
    exit 2
}

case $name in
decoder | elf | ir | cli) shift ;;
*) die "usage: run.sh decoder|elf|ir|cli [--runs=N] [--seconds=N] [--seed=N] [--jobs=N]" ;;
esac
for option in "$@"; do
    value=${option#*=}
    case $option in
    --build=?*) build=$value && continue ;;
    --runs=* | --seconds=* | --seed=* | --jobs=*) ;;
    *) die "unknown option $option" ;;
    esac
    case $value in '' | *[!0-9]*) die "'$value' is not a number" ;; esac
    case $option in
    --runs=*) runs=$value ;;
    --seconds=*) seconds=$value ;;
    --seed=*) seed=$value ;;
    --jobs=*) jobs=$value ;;
    esac
done
[ "$jobs" -ge 1 ] || die "--jobs must be at least 1"

# ---- build ----
clang=$(command -v clang-19 || command -v clang) || die "clang is not installed (package clang-19)"
mkdir -p "$build" || exit 2
log=$build/run-build.log
if [ ! -f "$build/build.ninja" ]; then
    plus=$(echo "$clang" | sed 's/clang\(-[0-9]*\)\{0,1\}$/clang++\1/')
    CC=$clang CXX=$plus meson setup "$build" "$root" --buildtype=debugoptimized \
        -Dfuzzers=true -Db_sanitize=address,undefined -Db_lundef=false -Db_ndebug=false \
        >"$log" 2>&1 || die "cannot configure; see $log"
fi
ninja -C "$build" "tests/fuzz/fuzz_$name" "tests/fuzz/replay_$name" >"$log" 2>&1 ||
    die "cannot build; see $log"

# ---- run ----
case $name in
decoder) limits='-max_len=195' ;;
elf) limits='-max_len=2048' ;;
ir) limits='-max_len=2048' ;;
cli) limits='-max_len=512 -close_fd_mask=3' ;;
esac
work=$build/work/$name
mkdir -p "$work" "$build/findings" || exit 2
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# Leaks are found at the end, by the sanitizer: libFuzzer's own search takes a quarter of the time.
run_job() {
    # shellcheck disable=SC2086 # limits are words
    "$build/tests/fuzz/fuzz_$name" $limits -runs=$((runs / jobs)) -max_total_time="$seconds" \
        -seed=$((seed + $1)) -artifact_prefix="$build/findings/$name-" -print_final_stats=1 \
        -timeout=600 -entropic=0 -detect_leaks=0 -reload=0 -rss_limit_mb=4096 -verbosity=0 \
        "$work" "$root/tests/fuzz/corpus/$name" \
        >"$build/findings/$name.$1.log" 2>&1 </dev/null
    echo $? >"$build/findings/$name.$1.status"
}

rm -f "$build/findings/$name".*.log "$build/findings/$name".*.status
job=0
while [ $job -lt "$jobs" ]; do
    run_job $job &
    job=$((job + 1))
done
wait

# ---- report ----
result=0
total=0
job=0
while [ $job -lt "$jobs" ]; do
    output=$build/findings/$name.$job.log
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$output" | tail -1)
    total=$((total + ${executed:-0}))
    if [ "$(cat "$build/findings/$name.$job.status")" -ne 0 ]; then
        file=$(sed -n 's/.*Test unit written to //p' "$output" | tail -1)
        echo "fuzz $name: a finding, see $output"
        echo "fuzz $name: replay: $build/tests/fuzz/replay_$name $file"
        result=1
    fi
    job=$((job + 1))
done
[ $total -gt 0 ] || [ $result -ne 0 ] || die "nothing ran; see $build/findings/$name.0.log"
echo "fuzz $name: $total inputs, $([ $result -eq 0 ] && echo no finding || echo findings)"
exit $result
