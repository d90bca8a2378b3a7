#!/bin/sh
# Checks who includes whom: the table of docs/architecture.md, one line per folder.
# usage: includes.sh SOURCE_ROOT
set -eu
cd "$1"
failures=0

# folder, then the prefixes it may include; "src/base/" and the folder itself always may.
table='
src/base:
src/ir:
src/memory:
src/opt:src/ir/
src/tb:src/ir/
src/guest:src/ir/
src/loader:src/memory/ src/guest/guest.h
tier0:src/tb/ src/ir/
tier1:src/tb/ src/ir/
tier2:src/tb/ src/ir/
src/exec:src/tb/ src/opt/ src/memory/ src/guest/guest.h src/ir/
src/linux:src/exec/exec.h src/memory/ src/loader/ src/guest/guest.h
src/cli:include/tiercel/
include:
'

check() { # folder allowed-prefixes
    grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1" --include='*.[chS]' --include='*.def' |
    while IFS= read -r line; do
        path=$(printf '%s\n' "$line" | sed 's/.*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/')
        ok=no
        for prefix in "$1/" src/base/ $2; do
            case "$path" in "$prefix"*) ok=yes ;; esac
        done
        case "$1" in src/cli) case "$path" in src/base/*) ok=no ;; esac ;; esac
        [ "$ok" = yes ] || echo "$line"
    done
}

for row in $(printf '%s' "$table" | tr ' ' '@'); do
    folder=${row%%:*}
    allowed=$(printf '%s' "${row#*:}" | tr '@' ' ')
    [ -d "$folder" ] || { echo "no folder $folder"; failures=1; continue; }
    wrong=$(check "$folder" "$allowed")
    if [ -n "$wrong" ]; then
        echo "$folder includes what it may not:"
        echo "$wrong"
        failures=1
    fi
done
exit $failures
