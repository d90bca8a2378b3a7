#!/bin/sh
# Random C programs: csmith makes them, gcc compiles each natively and for riscv64 at -O0 to -O3 with
# one -march a level (with and without C, with and without Zba, Zbb and Zbs, in turn), and tiercel
# must print the native checksum in tiers 0, 1, 2 and in auto, and at one of its levels, in turn, with
# thresholds 0 or 1.
#
# A difference is set against qemu-riscv64: where that agrees with tiercel, the program itself is not
# portable (a NaN's sign, for instance) and is counted as such. Programs that csmith cannot make, that
# do not compile or do not end natively in a second are passed over.
#
# Exit status: 0 agreement, 1 a difference (the program is kept, and its replay printed), 2 a broken
# setup, 77 csmith, its headers or the cross compiler are missing.
usage() {
    cat <<END
usage: csmith.sh [options]
  --tiercel=PATH   the emulator (tiercel)
  --seed=N         of the first program (1); the next ones count up
  --count=N        programs to judge (6)
  --levels=A,B,..  optimisation levels (0,1,2,3)
  --jobs=N         programs at a time (1)
  --timeout=N      seconds for one run (60)
  --keep=DIRECTORY where programs with a difference go (csmith-differences)
END
}

tiercel=tiercel seed=1 count=6 levels=0,1,2,3 jobs=1 limit=60 keep=csmith-differences
for word; do
    value=${word#*=}
    case $word in
    --tiercel=*) tiercel=$value ;;
    --seed=*) seed=$value ;;
    --count=*) count=$value ;;
    --levels=*) levels=$value ;;
    --jobs=*) jobs=$value ;;
    --timeout=*) limit=$value ;;
    --keep=*) keep=$value ;;
    --help) usage; exit 0 ;;
    *) echo "csmith.sh: bad option '$word'" >&2; usage >&2; exit 2 ;;
    esac
done
for number in "$seed" "$count" "$jobs" "$limit" $(echo "$levels" | tr , ' '); do
    case $number in
    '' | *[!0-9]*) echo "csmith.sh: '$number' is not a number" >&2; exit 2 ;;
    esac
done

here=$(cd "$(dirname "$0")" && pwd)
headers=/usr/include/csmith
for tool in csmith gcc riscv64-linux-gnu-gcc qemu-riscv64; do
    command -v $tool > /dev/null || { echo "SKIPPED: $tool is missing (./bootstrap deps)"; exit 77; }
done
[ -f $headers/csmith.h ] || { echo "SKIPPED: $headers is missing (libcsmith-dev)"; exit 77; }
version=$("$tiercel" --version) || { echo "csmith.sh: $tiercel cannot be run" >&2; exit 2; }

work=$(mktemp -d "${TMPDIR:-/tmp}/tiercel-csmith-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM

has_llvm=false
modes="--tier=0
--tier=1
--tier=auto"
case $version in
*'no LLVM'*) ;;
*) modes="$modes
--tier=2" has_llvm=true ;;
esac

# Options of csmith for a seed: plain programs, floating point and builtins, larger ones, deep ones.
csmith_options() {
    case $(($1 % 4)) in
    0) echo "" ;;
    1) echo "--float --builtins --enable-builtin-kinds generic --disable-builtin-kinds x86" ;;
    2) echo "--max-funcs 16 --max-block-size 6" ;;
    3) echo "--float --max-expr-complexity 20 --max-pointer-depth 4" ;;
    esac
}

march_of() {
    case $((($1 + $2) % 4)) in
    0) echo rv64gc ;;
    1) echo rv64g ;;
    2) echo rv64gc_zba_zbb_zbs ;;
    3) echo rv64g_zba_zbb_zbs ;;
    esac
}

# make_program SEED: $dir/program.c and, from its native build, $dir/wanted. False: pass over it.
make_program() {
    # shellcheck disable=SC2046 # the options are words
    # csmith leaves a file in its working directory
    (cd "$dir" && timeout 5 csmith --seed "$1" $(csmith_options "$1") -o program.c) \
        > /dev/null 2>&1 &&
        gcc -O1 -w -I$headers "$dir/program.c" -o "$dir/native" -lm > /dev/null 2>&1 &&
        timeout 1 "$dir/native" > "$dir/wanted" 2> /dev/null
}

# keep_difference SEED LEVEL MARCH OPTIONS
keep_difference() {
    mkdir -p "$keep" && cp "$dir/program.c" "$keep/csmith-$1.c" &&
        cp "$dir/program" "$keep/csmith-$1-O$2"
    echo "DIFFERENCE: csmith seed $1, -O$2 -march=$3, tiercel $4"
    echo "  native: $(head -c 80 "$dir/wanted"); tiercel: $(head -c 80 "$dir/found") (status $status)"
    head -n 3 "$dir/err" | sed 's/^/  /'
    echo "  replay: $tiercel $4 $keep/csmith-$1-O$2    (an argument 1 prints every variable's sum)"
    echo "  replay: $0 --tiercel=$tiercel --seed=$1 --count=1 --levels=$2"
}

# The result of one run is one letter in $dir/results: s same, d different, p not portable.
check_mode() {
    # in a subshell that outlives it, so that the shell's word on a death by signal is not seen
    # shellcheck disable=SC2086 # the options are words
    (timeout -k 1 "$limit" "$tiercel" $4 "$dir/program" > "$dir/found" 2> "$dir/err"; exit $?) 2> /dev/null
    status=$?
    if [ $status -eq 0 ] && cmp -s "$dir/wanted" "$dir/found"; then
        echo s >> "$work/results"
        return
    fi
    timeout "$limit" qemu-riscv64 -cpu rv64,zba=true,zbb=true,zbs=true "$dir/program" \
        > "$dir/qemu" 2> /dev/null
    if [ $? -eq $status ] && cmp -s "$dir/qemu" "$dir/found"; then
        echo p >> "$work/results"
        return
    fi
    echo d >> "$work/results"
    keep_difference "$@"
}

judge_program() {
    for level in $(echo "$levels" | tr , ' '); do
        march=$(march_of "$1" "$level")
        if ! riscv64-linux-gnu-gcc -O"$level" -march="$march" -mabi=lp64d -w -nostdlib -static \
            -ffp-contract=off -fno-tree-loop-distribute-patterns -I$headers "$dir/program.c" \
            "$here/csmith_start.c" -lgcc -o "$dir/program" > "$dir/err" 2>&1; then
            # a program that our few library functions do not serve
            echo u >> "$work/results"
            continue
        fi
        echo "$modes" > "$dir/modes"
        if $has_llvm && [ $((($1 / 4 + level) % 4)) -eq 0 ]; then
            threshold=$(($1 % 2))
            echo "--t1=$threshold --t2=$threshold --t3=$threshold --jit-threads=0" >> "$dir/modes"
        fi
        while read -r options; do
            check_mode "$1" "$level" "$march" "$options"
        done < "$dir/modes"
    done
}

# Job n of --jobs judges every so-manieth program until its share is done.
run_job() {
    dir=$work/$1 number=$((seed + $1)) share=$(((count + jobs - 1 - $1) / jobs)) tries=0
    mkdir "$dir"
    while [ $share -gt 0 ]; do
        if make_program $number; then
            judge_program $number
            echo c >> "$work/results"
            share=$((share - 1)) tries=0
        else
            tries=$((tries + 1))
            [ $tries -lt 30 ] || { echo "csmith.sh: no program in 30 tries" >&2; exit 2; }
        fi
        number=$((number + jobs))
    done
}

: > "$work/results"
pids= job=0
while [ $job -lt "$jobs" ]; do
    run_job $job < /dev/null &
    pids="$pids $!" job=$((job + 1))
done
broken=0
for pid in $pids; do
    wait "$pid" || broken=1
done

letters() {
    grep -c "$1" "$work/results"
}
echo "csmith: $(letters c) programs from seed $seed, levels $levels: $(letters s) runs agree," \
    "$(letters d) differ, $(letters p) not portable, $(letters u) builds passed over"
[ $broken -eq 0 ] || exit 2
[ "$(letters d)" -eq 0 ] || exit 1
[ "$(letters s)" -gt 0 ] || exit 2
