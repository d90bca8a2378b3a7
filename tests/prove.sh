#!/bin/sh
# The long proof: what ./bootstrap test does a little of, in amounts that find rare differences.
# Every finished step is a line of build/prove/steps, so that a run that was stopped goes on where it
# was; the figures at the end are those of all steps made with this very build.
#
# Exit status: 0 no difference, 1 a difference, 2 a broken setup.
usage() {
    cat <<END
usage: ./bootstrap prove [--hours=N] [--part=NAME,...] [--seed=N] [--jobs=N] [--fresh]

  --hours=N      amounts scaled from the full ones, which take about $full_hours hours on two cores;
                 N may be a fraction
  --part=NAME    only these parts: sequences, csmith, fuzz, stress, coverage
  --seed=N       another seed: other programs and inputs (1)
  --jobs=N       processes at a time (the number of cores)
  --fresh        forget the steps of earlier runs
  --figures      only print the figures so far
END
}

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build folder=$root/build/prove
full_hours=4 hours=$full_hours parts=sequences,csmith,fuzz,stress,coverage
seed=1 jobs=$(nproc) is_fresh=false has_work=true
while [ $# -gt 0 ]; do
    word=$1
    shift
    case $word in
    --hours | --part | --seed | --jobs)
        [ $# -gt 0 ] || { usage >&2; exit 2; }
        word=$word=$1
        shift ;;
    esac
    value=${word#*=}
    case $word in
    --hours=*) hours=$value ;;
    --part=*) parts=$value ;;
    --seed=*) seed=$value ;;
    --jobs=*) jobs=$value ;;
    --fresh) is_fresh=true ;;
    --figures) has_work=false ;;
    --help) usage; exit 0 ;;
    *) echo "prove: bad option '$word'" >&2; usage >&2; exit 2 ;;
    esac
done
case $seed$jobs in *[!0-9]*) echo "prove: --seed and --jobs take numbers" >&2; exit 2 ;; esac
case $hours in
'' | *[!0-9.]* | *.*.*) echo "prove: '$hours' is no number of hours" >&2; exit 2 ;;
esac
for part in $(echo "$parts" | tr , ' '); do
    case $part in
    sequences | csmith | fuzz | stress | coverage) ;;
    *) echo "prove: no part '$part'" >&2; exit 2 ;;
    esac
done
mkdir -p "$folder" || exit 2
if $is_fresh; then
    rm -f "$folder/steps"
fi
touch "$folder/steps" || exit 2
version=$(cat "$build/tiercel" "$build"/tiercel-tier2.so 2> /dev/null | cksum | cut -d ' ' -f 1)
is_different=false is_broken=false

# ---- steps ----

# scaled FULL: that amount for --hours, at least 1
scaled() {
    awk -v full="$1" -v hours="$hours" -v full_hours="$full_hours" 'BEGIN {
        amount = int(full * hours / full_hours)
        print amount < 1 ? 1 : amount }'
}

# step FIGURE AMOUNT COMMAND...: runs the command unless this build has passed it already
step() {
    figure=$1 amount=$2
    shift 2
    grep -Fqx "$version	$figure	$amount	same	$*" "$folder/steps" && return
    echo "prove: $figure: $*"
    "$@" > "$folder/log" 2>&1 < /dev/null
    status=$?
    case $status in
    0) result=same ;;
    1) result=different is_different=true ;;
    *) result=broken is_broken=true ;;
    esac
    grep -E '^(diff|csmith|stress|coverage|rows|run\.sh|fuzz)[: ]' "$folder/log" | tail -n 12
    if [ $status -ne 0 ]; then
        echo "prove: $result (status $status):"
        tail -n 60 "$folder/log"
    fi
    printf '%s\t%s\t%s\t%s\t%s\n' "$version" "$figure" "$amount" $result "$*" >> "$folder/steps"
}

# sequences FIGURE MODES GENERATED STATES BATCH: in ten steps
sequences() {
    count=$(scaled $(($3 / 10))) number=0
    while [ $number -lt 10 ] && ! $is_broken; do
        step "$1" $((count * $4)) "$build/tests/diff/diff" --tiercel="$build/tiercel" \
            --modes="$2" --count="$count" --passes="$4" --batch="$5" --jobs="$jobs" \
            --timeout=1200 --seed=$((seed * 100000000 + number * 1000000))
        number=$((number + 1))
    done
}

prove_sequences() {
    sequences 'random instructions, tier 0 and 1' tier0,tier1,full1,auto 25000000 4 20000
    sequences 'random instructions, tier 2' tier2 200000 500 10000
    sequences 'random instructions, tier 3' auto0 200000 500 10000
    sequences 'random instructions, thresholds 1' auto1 20000 500 2000
}

prove_csmith() {
    count=$(scaled 50) number=0
    while [ $number -lt 10 ] && ! $is_broken; do
        step 'csmith programs, 4 levels' "$count" "$root/tests/programs/csmith.sh" \
            --tiercel="$build/tiercel" --count="$count" --jobs="$jobs" --timeout=300 \
            --seed=$((seed * 1000000 + number * 10000)) --keep="$folder/csmith"
        number=$((number + 1))
    done
}

prove_fuzz() {
    count=$(scaled 1000000)
    for name in cli elf decoder ir; do # the cheapest first
        number=0
        while [ $number -lt 10 ] && ! $is_broken; do
            step "fuzz inputs, $name" "$count" "$root/tests/fuzz/run.sh" $name --runs="$count" \
                --jobs="$jobs" --seed=$((seed * 1000 + number))
            number=$((number + 1))
        done
    done
}

prove_stress() {
    sanitized=$folder/address
    step 'sanitizers, address and undefined' 1 "$root/tests/stress/sanitize.sh" address "$root" \
        "$sanitized" "$build/tests/stress" "$root/tests/stress/configurations.txt"
    step 'sanitizers, thread' 1 "$root/tests/stress/sanitize.sh" thread "$root" \
        "$folder/thread" "$build/tests/stress"
    $is_broken && return
    step 'seconds of stress' "$(scaled 600)" "$root/tests/stress/random.sh" \
        --tiercel="$build/tiercel" --guests="$build/tests/stress" --kernels="$build/bench/riscv64" \
        --native="$build/bench/native" --seconds="$(scaled 600)" --jobs="$jobs" --seed=$((seed * 10000))
    step 'seconds of stress' "$(scaled 300)" "$root/tests/stress/random.sh" \
        --tiercel="$sanitized/tiercel" --guests="$build/tests/stress" \
        --seconds="$(scaled 300)" --jobs="$jobs" --seed=$((seed * 10000 + 5000))
}

prove_coverage() {
    step 'coverage' 1 "$root/tests/coverage.sh" "$root" "$folder/coverage"
}

# ---- figures ----

figures() {
    # the latest result of a step counts
    awk -F '\t' -v version="$version" '$1 == version {
            if (!($5 in latest))
                order[++commands] = $5
            latest[$5] = $4
            figure[$5] = $2
            amount[$5] = $3
        }
        END {
            for (i = 1; i <= commands; i++) {
                command = order[i]
                name = figure[command]
                if (!(name in steps))
                    names[++count] = name
                steps[name]++
                done[name] += latest[command] == "same" ? amount[command] : 0
                bad[name] += latest[command] != "same"
            }
            printf "\n%-40s %14s %8s %s\n", "figure", "amount", "steps", "differences or failures"
            for (i = 1; i <= count; i++)
                printf "%-40s %14d %8d %d\n", names[i], done[names[i]], steps[names[i]], bad[names[i]]
        }' "$folder/steps"
    [ -f "$folder/coverage/summary" ] && cat "$folder/coverage/summary"
    echo "command: ./bootstrap prove --hours=$hours --part=$parts --seed=$seed (build $version," \
        "$(git -C "$root" log -1 --format=%h 2> /dev/null))"
}

if $has_work; then
    for part in $(echo "$parts" | tr , ' '); do
        is_part_broken=$is_broken is_broken=false
        prove_"$part"
        $is_part_broken && is_broken=true
    done
fi
figures | tee "$folder/figures"
$is_broken && exit 2
$is_different && exit 1
exit 0
