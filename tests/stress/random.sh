#!/bin/sh
# Runs guest programs under random combinations of tiercel's options until the time is over, with
# stress.sh. Round n is made from seed + n alone, so a failing line of options is replayed by hand.
# usage: random.sh --tiercel=PATH --guests=FOLDER [--kernels=FOLDER --native=FOLDER] [--seconds=N]
#                  [--seed=N] [--jobs=N]
# Exit status: 0 as expected, 1 a difference, 2 a broken setup.
tiercel= guests= kernels= native= seconds=60 seed=1 jobs=1
for word; do
    value=${word#*=}
    case $word in
    --tiercel=*) tiercel=$value ;;
    --guests=*) guests=$value ;;
    --kernels=*) kernels=$value ;;
    --native=*) native=$value ;;
    --seconds=*) seconds=$value ;;
    --seed=*) seed=$value ;;
    --jobs=*) jobs=$value ;;
    *) echo "random.sh: bad option '$word'" >&2; exit 2 ;;
    esac
done
for number in "$seconds" "$seed" "$jobs"; do
    case $number in '' | *[!0-9]*) echo "random.sh: '$number' is not a number" >&2; exit 2 ;; esac
done
[ -x "$tiercel" ] && [ -d "$guests" ] || { echo "random.sh: no tiercel or no programs" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-random-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM

# Some lines of options from a seed, in the form of configurations.txt.
make_configurations() {
    awk -v seed="$1" 'function one_of(text,   n, words) {
            n = split(text, words, " ")
            return words[int(rand() * n) + 1]
        }
        BEGIN {
            srand(seed)
            for (i = 0; i < 2; i++) {
                line = one_of("own own own all")
                kind = one_of("auto auto auto auto 0 1 1 2")
                line = line " --tier=" kind
                if (kind == "auto")
                    line = line " --t1=" one_of("0 0 1 5 50 1000000") " --t2=" \
                           one_of("1 2 20 50 200 1000") " --t3=" one_of("1 10 50 300 5000")
                # What is evicted or dropped again and again LLVM must not compile on the guest thread, nor
                # instruction by instruction: that takes for ever.
                events = rand() < 0.6 ? one_of(kind == "2" ? "swap,leave leave" \
                    : "all evict,leave drop,swap swap,leave evict,swap,leave") : ""
                memory = rand() < 0.5 ? one_of(kind == "2" ? "256K 1M" \
                    : "16K 64K 96K 128K 256K 1M") : ""
                is_evicting = events ~ /all|evict|swap/ || memory ~ /^(16|64|96|128)K/
                line = line " --jit-threads=" one_of(is_evicting ? "1 2 4 8" : "0 1 2 4 8")
                if (events)
                    line = line " --stress=" events ":" int(rand() * 1000000)
                if (memory)
                    line = line " --code-memory=" memory
                if (rand() < 0.3)
                    line = line " --block-insns=" one_of(kind == "2" ? "5 20 200" : "1 2 5 20 200")
                if (is_evicting)
                    line = line " --region-insns=" one_of("1 3 16")
                else if (rand() < 0.3)
                    line = line " --region-insns=" one_of("1 3 16 100 2000")
                if (rand() < 0.3)
                    line = line " --features=-" one_of("identity chaining next_block_hint inline_cache jump_cache pinning register_caching folding destination_hints regions narrowing selects outcomes chunked_polls")
                if (rand() < 0.3)
                    line = line " --opt=" one_of("none -fold -simplify -ranges -forward -cse -dead")
                print line
            }
        }'
}

run_job() {
    number=$1 status=0
    while [ "$(date +%s)" -lt $end ] && [ $status -eq 0 ]; do
        make_configurations $((seed + number)) > "$work/$1"
        # shellcheck disable=SC2086 # absent when there are no kernels
        sh "$here/stress.sh" "$tiercel" "$work/$1" 300 "$guests" $kernels $native > "$work/$1.out" || status=1
        cat "$work/$1.out"
        number=$((number + jobs))
    done
    return $status
}

end=$(($(date +%s) + seconds)) failed=0 pids= job=0
while [ $job -lt "$jobs" ]; do
    run_job $job > "$work/log.$job" < /dev/null &
    pids="$pids $!" job=$((job + 1))
done
for pid in $pids; do
    wait "$pid" || failed=1
done
cat "$work"/log.* | grep -v 'runs, 0 failed$'
cat "$work"/log.* | awk -v seconds="$seconds" '/runs, .* failed$/ { runs += $1; failed += $3 }
    END { printf "stress: %d s, %d runs, %d failed\n", seconds, runs, failed }'
exit $failed
