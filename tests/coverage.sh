#!/bin/sh
# Line coverage of the test suite, and which rows of the instruction table each tier has executed.
# usage: coverage.sh SOURCE_ROOT BUILD_FOLDER     (writes BUILD_FOLDER/summary)
# Exit status: 0, 1 when a test fails, 2 a broken setup.
root=$1 build=$2
command -v lcov > /dev/null || { echo "coverage.sh: lcov is missing"; exit 2; }
mkdir -p "$build" || exit 2
if [ ! -f "$build/build.ninja" ]; then
    # the symbol: src/cli/main.c ends with _exit, which writes no counts
    meson setup "$build" "$root" --buildtype=debug -Doptimization=1 -Db_coverage=true \
        -Db_lundef=false -Dc_link_args=-Wl,-u,__gcov_dump || exit 2
fi
ninja -C "$build" || exit 2
lcov --quiet --zerocounters --directory "$build"
meson test -C "$build" --no-rebuild --timeout-multiplier=4 --suite unit --suite ir --suite insn \
    --suite guest --suite cli --suite diff > "$build/test.log" 2>&1
status=$?
[ $status -eq 0 ] || tail -n 30 "$build/test.log"
lcov --quiet --capture --directory "$build" --base-directory "$build" \
    --output-file "$build/all.info" || exit 2
lcov --quiet --extract "$build/all.info" "$root/src/*" "$root/tier0/*" "$root/tier1/*" \
    "$root/tier2/*" --output-file "$build/tree.info" || exit 2
{
    echo "coverage: $(lcov --summary "$build/tree.info" 2>&1 | sed -n 's/^ *lines[.]*: //p') lines"
    for part in src/base src/ir src/opt src/memory src/loader src/guest src/tb src/exec src/linux \
        src/cli tier0 tier1 tier2; do
        lcov --quiet --extract "$build/tree.info" "$root/$part/*" --output-file "$build/part.info"
        echo "coverage: $part $(lcov --summary "$build/part.info" 2>&1 | sed -n 's/^ *lines[.]*: //p')"
    done
    sed -n 's/^\(tier .*: .* rows executed\)$/rows: \1/p' "$build/meson-logs/testlog.txt"
    sed -n 's/^\(tier .*: .* IR operations in random blocks\)$/rows: \1/p' \
        "$build/meson-logs/testlog.txt" | sort -u
} > "$build/summary"
cat "$build/summary"
grep -q '^rows: ' "$build/summary" || { echo "coverage.sh: no word about rows"; exit 2; }
[ $status -eq 0 ] || exit 1
