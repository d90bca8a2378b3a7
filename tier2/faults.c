/* Reads a DWARF line program (DWARF 5 §6.2), when a fault happens and not before.
 *
 * The object holds one function at offset 0 of .text, so addresses in the (unrelocated) program
 * are offsets from it, and files and columns do not matter. Rows with line 0 say nothing and are
 * passed over. Invariant: reads stay between next and end; at the end everything reads as 0. */
#include "tier2/faults.h"

#include <string.h>

enum standard_opcode {
    OP_EXTENDED, OP_COPY, OP_ADVANCE_PC, OP_ADVANCE_LINE, OP_SET_FILE, OP_SET_COLUMN,
    OP_NEGATE_STMT, OP_SET_BASIC_BLOCK, OP_CONST_ADD_PC, OP_FIXED_ADVANCE_PC,
};
enum extended_opcode { EXT_END_SEQUENCE = 1, EXT_SET_ADDRESS = 2 };

struct line_reader {
    const uint8_t *next, *end;
    uint8_t min_insn_length, opcode_base, line_range;
    int8_t line_base;
    const uint8_t *operand_counts; /* of the standard opcodes, from 1 */
    uint64_t address;
    int64_t line;
    uint64_t wanted;
    uint32_t found; /* line of the last row at or below wanted */
    bool is_past;   /* a row above wanted has been seen */
};

static uint64_t read_fixed(struct line_reader *reader, unsigned size_bytes)
{
    uint64_t value = 0;
    if ((size_t)(reader->end - reader->next) < size_bytes) {
        reader->next = reader->end;
        return 0;
    }
    memcpy(&value, reader->next, size_bytes);
    reader->next += size_bytes;
    return value;
}

static uint64_t read_uleb(struct line_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = read_fixed(reader, 1);
        value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static int64_t read_sleb(struct line_reader *reader)
{
    uint64_t value = 0, byte = 0x80;
    unsigned shift = 0;
    for (; (byte & 0x80) && shift < 64; shift += 7) {
        byte = read_fixed(reader, 1);
        value |= (byte & 0x7f) << shift;
    }
    if (shift < 64 && (byte & 0x40))
        value |= UINT64_MAX << shift;
    return (int64_t)value;
}

static void add_row(struct line_reader *reader)
{
    if (reader->address > reader->wanted)
        reader->is_past = true;
    else if (reader->line > 0)
        reader->found = (uint32_t)reader->line;
}

static void run_extended(struct line_reader *reader)
{
    uint64_t length = read_uleb(reader);
    const uint8_t *after = length < (uint64_t)(reader->end - reader->next) ? reader->next + length
                                                                           : reader->end;
    uint64_t opcode = read_fixed(reader, 1);
    if (opcode == EXT_SET_ADDRESS)
        reader->address = read_fixed(reader, 8);
    else if (opcode == EXT_END_SEQUENCE)
        reader->is_past = true;
    reader->next = after;
}

static void run_standard(struct line_reader *reader, unsigned opcode)
{
    switch (opcode) {
    case OP_EXTENDED:
        run_extended(reader);
        break;
    case OP_COPY:
        add_row(reader);
        break;
    case OP_ADVANCE_PC:
        reader->address += read_uleb(reader) * reader->min_insn_length;
        break;
    case OP_ADVANCE_LINE:
        reader->line += read_sleb(reader);
        break;
    case OP_CONST_ADD_PC:
        reader->address += (uint64_t)((255 - reader->opcode_base) / reader->line_range) *
                           reader->min_insn_length;
        break;
    case OP_FIXED_ADVANCE_PC:
        reader->address += read_fixed(reader, 2);
        break;
    default: /* all others have LEB operands that do not matter */
        for (unsigned i = 0; i < reader->operand_counts[opcode - 1]; i++)
            read_uleb(reader);
    }
}

static void run_special(struct line_reader *reader, unsigned opcode)
{
    unsigned adjusted = opcode - reader->opcode_base;
    reader->address += (uint64_t)(adjusted / reader->line_range) * reader->min_insn_length;
    reader->line += reader->line_base + (int)(adjusted % reader->line_range);
    add_row(reader);
}

/* Goes to the first opcode of the program; false when the header is not understood. */
static bool read_header(struct line_reader *reader)
{
    read_fixed(reader, 4); /* unit length: there is one unit */
    uint64_t version = read_fixed(reader, 2);
    if (version != 4 && version != 5)
        return false;
    if (version == 5)
        read_fixed(reader, 2); /* sizes of addresses and selectors */
    uint64_t header_length = read_fixed(reader, 4);
    const uint8_t *after_length = reader->next;
    reader->min_insn_length = (uint8_t)read_fixed(reader, 1);
    read_fixed(reader, 2); /* operations per instruction, default is_stmt */
    reader->line_base = (int8_t)read_fixed(reader, 1);
    reader->line_range = (uint8_t)read_fixed(reader, 1);
    reader->opcode_base = (uint8_t)read_fixed(reader, 1);
    reader->operand_counts = reader->next;
    if (header_length > (uint64_t)(reader->end - after_length) || reader->line_range == 0 ||
        header_length < reader->opcode_base)
        return false;
    reader->next = after_length + header_length;
    return true;
}

uint32_t line_at(const struct object_section *line_table, uint64_t offset)
{
    struct line_reader reader = {
        .next = line_table->bytes,
        .end = line_table->bytes + line_table->size_bytes,
        .line = 1,
        .wanted = offset,
    };
    if (!line_table->bytes || !read_header(&reader))
        return 0;
    while (reader.next < reader.end && !reader.is_past) {
        unsigned opcode = (unsigned)read_fixed(&reader, 1);
        if (opcode >= reader.opcode_base)
            run_special(&reader, opcode);
        else
            run_standard(&reader, opcode);
    }
    return reader.found;
}
