#!/bin/sh
# The command line as a user meets it: options, exit statuses, statistics that repeat.
# usage: cli.sh TIERCEL KERNEL_DIR      (KERNEL_DIR holds riscv64 kernels)
set -u
tiercel=$1
kernels=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# expect STATUS TEXT ARGS...: tiercel ARGS ends with STATUS and its stderr contains TEXT.
expect() {
    status=$1 text=$2
    shift 2
    "$tiercel" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ $got -eq "$status" ] || fail "tiercel $*: status $got, not $status: $(cat "$work/err")"
    grep -qF -e "$text" "$work/err" || fail "tiercel $*: no '$text' in: $(cat "$work/err")"
    lines=$(wc -l <"$work/err")
    [ "$status" -eq 0 ] || [ "$lines" -le 2 ] || fail "tiercel $*: $lines lines on stderr"
}

hello=$kernels/hello
expect 2 'usage:'
expect 2 "unknown option '--nonsense'" --nonsense "$hello"
expect 2 "unknown option '-x'" -x "$hello"
expect 2 'is not a number' --t2=12x "$hello"
expect 2 'is not a number' --t2= "$hello"
expect 2 'is not a number' --t2=-1 "$hello"
expect 2 'too large' --t1=99999999999 "$hello"
expect 2 '--tier takes' --tier=7 "$hello"
expect 2 'needs a value' --tier
expect 2 '--fp takes' --fp=fast "$hello"
expect 2 'needs exact' --lockstep=T0,T2 --fp=adaptive "$hello"
expect 0 'floating point: exact' --stats "$hello"
expect 0 'the guest has not used its flags' --fp=adaptive --stats "$hello"
expect 2 'takes no value' --strace=1 "$hello"
expect 2 '--dump takes' --dump=ir,foo "$hello"
expect 2 'needs --tier=1' --dump=registers "$hello"
expect 2 '--stats takes' --stats=xml "$hello"
expect 2 'NAME=VALUE' -E NOVALUE "$hello"
expect 2 'nosuchpass' --opt=-nosuchpass "$hello"
expect 2 'nosuch' --features=-nosuch "$hello"
expect 2 'too small' --code-memory=1000 "$hello"
expect 2 "unknown stress 'nosuch'" --stress=evict,nosuch "$hello"
expect 2 'is not a seed' --stress=evict:x "$hello"
expect 2 'no kind of stress' --stress=:1 "$hello"
expect 2 'block size' --block-insns=0 "$hello"
expect 2 'lockstep takes' --lockstep=T1,T0 "$hello"
expect 2 'nosuchfile' --lockstep=0,1 "$work/nosuchfile"
expect 0 'lockstep T0,T1: no difference at' --lockstep=0,1 "$hello"
expect 127 'nosuchfile' "$work/nosuchfile"
expect 126 "$work" "$work"

"$tiercel" --version | grep -q '^tiercel [0-9]' || fail '--version'
"$tiercel" --help | grep -q -- '--dump-filter' || fail '--help'

# all of a program is translated, also into code memory that does not hold it, and nothing runs
for options in --tier=0 --tier=1 '--tier=1 --code-memory=256K' '--tier=1 --opt=none --block-insns=1'; do
    # shellcheck disable=SC2086 # several options
    "$tiercel" $options --translate-only "$hello" >"$work/out" || fail "$options --translate-only"
    awk '/^guest insns/ { count = $3 } /hello/ { count = 0 } END { exit count < 50000 }' \
        "$work/out" || fail "$options --translate-only: $(cat "$work/out")"
done

# every tier says the same
"$tiercel" --tier=1 "$kernels/huffman" 2 >"$work/expected" || fail 'huffman in tier 1'
case $("$tiercel" --version) in
*'no LLVM'*) has_llvm=false tiers='auto 0 1' ;;
*) has_llvm=true tiers='auto 0 1 2' ;;
esac
for tier in $tiers; do
    "$tiercel" --tier=$tier "$kernels/huffman" 2 >"$work/out" || fail "huffman in tier $tier"
    cmp -s "$work/expected" "$work/out" || fail "huffman differs in tier $tier"
done

# deterministic runs give equal statistics, times apart
times='s/"\(run_time_ns\|compile_time_ns\|functions_time_ns\|time_share\|time_share_outside\)": [0-9.]*//g'
for run in 1 2; do
    "$tiercel" --deterministic --t2=100 --t3=100 --stats=json:"$work/stats" \
        "$kernels/state_machine" 3 >/dev/null || fail 'deterministic run'
    sed "$times" "$work/stats" >"$work/stats$run"
done
cmp "$work/stats1" "$work/stats2" || fail 'deterministic statistics differ'
grep -q '"schema": 1' "$work/stats1" || fail 'no schema in the statistics'

# forced events happen, and change nothing for the guest
"$tiercel" --tier=1 "$kernels/huffman" 10 >"$work/longer" || fail 'a longer huffman'
"$tiercel" --tier=1 --stress=evict,drop,leave:3 --stats=json:"$work/stats" "$kernels/huffman" 10 \
    >"$work/out" || fail 'huffman under stress'
cmp -s "$work/longer" "$work/out" || fail 'huffman differs under stress'
for event in evictions dropped; do
    grep -q "\"$event\": [1-9][0-9]" "$work/stats" || fail "no $event under stress"
done
"$tiercel" --t1=1000000 --stress=swap,leave --stats=json:"$work/stats" "$kernels/huffman" 2 \
    >"$work/out" || fail 'huffman with forced swaps'
cmp -s "$work/expected" "$work/out" || fail 'huffman differs with forced swaps'
grep -q '"swaps": [1-9][0-9]' "$work/stats" || fail 'no swaps are forced'

# where blocks are not chained the loop takes the next one by its hint, or looks each one up
for tier in 0 1; do
    for off in -chaining -chaining,-next_block_hint; do
        "$tiercel" --tier=$tier --features=$off --stats=json:"$work/stats$off" "$kernels/huffman" 2 \
            >"$work/out" || fail "huffman with --tier=$tier --features=$off"
        cmp -s "$work/expected" "$work/out" || fail "huffman differs with --tier=$tier --features=$off"
    done
    grep -q '"next_block_hits": [1-9][0-9][0-9][0-9]' "$work/stats-chaining" || fail 'no hint holds'
    grep -q '"next_block_hits": 0,' "$work/stats-chaining,-next_block_hint" || fail 'a hint holds'
done

# dumps and traces go to stderr and change nothing
for kind in decode ir opt x64; do
    "$tiercel" --tier=1 --dump=$kind "$hello" >"$work/out" 2>"$work/err" || fail "--dump=$kind"
    [ "$(wc -l <"$work/err")" -gt 100 ] || fail "--dump=$kind prints little"
    grep -q . "$work/out" || fail "--dump=$kind loses the output"
done
"$tiercel" --tier=1 --dump=registers "$hello" 2>&1 >/dev/null |
    grep -q '^register 10: [1-9][0-9]* reads, [1-9][0-9]* writes$' || fail '--dump=registers'
"$tiercel" --jit-threads=0 --t2=1000 --dump=promotions "$kernels/huffman" 1 2>"$work/err" >"$work/out" ||
    fail '--dump=promotions'
for field in tier=2 root=0x asked_ms= code_bytes=[1-9] result=ok; do
    $has_llvm && ! grep -q "^promotion .*$field" "$work/err" && fail "--dump=promotions has no $field"
done
# a call through a pointer to one of two functions is followed, long as they are: fourier's of sin and
# cos, a million, would be two jumps through the jump cache each
"$tiercel" --jit-threads=0 --t2=30000 --region-insns=2000 --stats=json:"$work/stats" \
    "$kernels/fourier" 8 >/dev/null || fail 'fourier'
$has_llvm && ! grep -q '"jump_cache_hits": [0-9]\{1,6\},' "$work/stats" &&
    fail 'calls of sin and cos are not followed'
# what is hard to predict is selected: more conditional moves than with branches
for options in --features=selects --features=-selects; do
    "$tiercel" $options --jit-threads=0 --t2=1000 --dump=asm "$kernels/string_sort" 1 2>&1 >/dev/null |
        grep -c cmov >"$work/out$options"
done
$has_llvm && [ "$(cat "$work/out--features=selects")" -lt $(($(cat "$work/out--features=-selects") + 5)) ] &&
    fail 'short pieces of code are not selected'
"$tiercel" --strace "$hello" 2>&1 >/dev/null | grep -q '^.*write(1' || fail '--strace'

# the environment is passed on, with -E and -U applied; output before a death is kept
[ $failures -eq 0 ] && echo 'all command line checks passed'
exit $failures
