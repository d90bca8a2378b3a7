#!/bin/sh
# Every row of the emulator's instruction tables occurs in the random programs, but for those that
# end a program. usage: rows.sh DIFF WORK_FILE insns.def compressed.def
diff=$1 program=$2
shift 2
"$diff" --seed=1 --count=60000 --batch=60000 --program="$program"
status=$?
[ $status -eq 0 ] || exit $status

rows=$(sed -n 's/^\(C_\)\{0,1\}INSN(\([a-z0-9_]*\),.*/\2/p' "$@" | tr _ .)
[ -n "$rows" ] || { echo "no rows found in $*"; exit 1; }
# the names alone, without the ordering bits of atomics
riscv64-linux-gnu-objdump -d -M no-aliases "$program" |
    awk -F '\t' 'NF >= 3 { sub(/ .*/, "", $3); sub(/\.(aq|rl|aqrl)$/, "", $3); print $3 }' |
    sort -u > "$program.names"

missing=0
for row in $rows; do
    case $row in
    ebreak | c.ebreak) continue ;;
    esac
    if ! grep -Fqx "$row" "$program.names"; then
        echo "no random program contains $row"
        missing=$((missing + 1))
    fi
done
echo "$(echo "$rows" | wc -w) rows, $missing missing"
[ $missing -eq 0 ]
