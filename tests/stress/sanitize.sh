#!/bin/sh
# Builds the emulator and its unit tests with a sanitizer, in a build folder of its own, and runs the
# unit tests and small guest programs under it.
# usage: sanitize.sh address|thread SOURCE_ROOT BUILD_FOLDER GUEST_PROGRAMS [CONFIGURATIONS]
#
# address   address and undefined, assertions and IR verification on; everything
# thread    the code table, and guest programs with compile threads; LLVM itself is not instrumented
#           and generated code cannot be, so what is seen is our own code on all threads
#
# Exit status: 0 nothing found, 1 a finding, 2 a broken setup.
kind=$1 root=$2 build=$3 guests=$4
here=$root/tests/stress
configurations=${5:-$here/sanitize_$kind.txt}
case $kind in
address)
    flags="-Db_sanitize=address,undefined -Db_ndebug=false"
    units="decode fp ir linux loader opt space tb tier0 tier1 translate x64" ;;
thread)
    flags="-Db_sanitize=thread"
    units="space tb tier0 translate" ;;
*) echo "sanitize.sh: no sanitizer '$kind'" >&2; exit 2 ;;
esac

mkdir -p "$build" || exit 2
log=$build/build.log
if [ ! -f "$build/build.ninja" ]; then
    # shellcheck disable=SC2086 # the flags are words
    meson setup "$build" "$root" -Dbuildtype=plain -Doptimization=1 -Ddebug=true $flags \
        -Db_lundef=false > "$log" 2>&1 || { tail -n 20 "$log"; exit 2; }
fi
targets=tiercel
if grep -q 'build tiercel-tier2.so:' "$build/build.ninja"; then
    targets="$targets tiercel-tier2.so"
    [ "$kind" = thread ] || units="$units tier2"
fi
for unit in $units; do
    targets="$targets tests/unit/test_$unit"
done
# shellcheck disable=SC2086 # the targets are words
ninja -j 2 -C "$build" $targets > "$log" 2>&1 || { tail -n 20 "$log"; exit 2; }

export ASAN_OPTIONS=detect_stack_use_after_return=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# Our handlers are for faults, which come where the program asks for them: what they call is safe.
export TSAN_OPTIONS="exitcode=66 report_signal_unsafe=0 suppressions=$here/thread_suppressions.txt"
export TIERCEL_IR_DOC="$root/docs/ir.md"
failures=0
for unit in $units; do
    if ! CK_DEFAULT_TIMEOUT=60 "$build/tests/unit/test_$unit" > "$log" 2>&1; then
        failures=$((failures + 1))
        echo "FAILED: $build/tests/unit/test_$unit"
        tail -n 40 "$log"
    fi
done
echo "$kind: unit tests $units: $failures failed"
sh "$here/stress.sh" "$build/tiercel" "$configurations" 120 "$guests" || failures=$((failures + 1))
[ $failures -eq 0 ]
