#!/bin/sh
# The tester finds what it is there to find: qemu without Zbs stands in for a tiercel that knows no
# Zbs, and the difference must shrink to the one group of lines with such an instruction.
# usage: finds.sh DIFF WORK_DIRECTORY
diff=$1 directory=$2
command -v qemu-riscv64 > /dev/null || { echo "qemu-riscv64 is missing"; exit 77; }
mkdir -p "$directory"
cat > "$directory/broken" << 'END'
#!/bin/sh
[ "$1" = --version ] && exit 0
shift
exec qemu-riscv64 -cpu rv64,zbs=false "$@"
END
chmod +x "$directory/broken"

output=$(TMPDIR=$directory "$diff" --seed=7 --count=5000 --modes=tier0 \
    --tiercel="$directory/broken")
status=$?
echo "$output"
rm -rf "$directory"
[ $status -eq 77 ] && exit 77
[ $status -eq 1 ] || { echo "exit status $status, not 1"; exit 1; }
echo "$output" | grep -q 'to [123] instructions' || { echo "not shrunk to one group"; exit 1; }
echo "$output" | grep -Eq '^    b(clr|ext|inv|set)i? ' || { echo "not a Zbs instruction"; exit 1; }
