#!/bin/sh
# Checks what is exported: the tier 2 module shows one symbol, and the library's objects show only
# tiercel_ names to the outside (everything else is hidden).
# usage: symbols.sh LIBRARY.a [MODULE.so]
set -eu
failures=0
wrong=$(readelf -Ws "$1" | awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" && $8 !~ /^tiercel_/ {print $8}' | sort -u)
if [ -n "$wrong" ]; then
    echo "visible symbols without the tiercel_ prefix in $1:"
    echo "$wrong"
    failures=1
fi
if [ $# -gt 1 ]; then
    exported=$(nm -D --defined-only "$2" | awk '{print $3}' | grep -v '^_' || true)
    if [ "$exported" != tiercel_tier2_create ]; then
        echo "$2 exports: $exported"
        failures=1
    fi
fi
exit $failures
