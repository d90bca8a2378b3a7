/* IR as text: ir_text.h. */
#include "tests/ir/ir_text.h"

#include <stdlib.h>

char *print_ir(const struct ir_block *block)
{
    char *text = NULL;
    size_t size_bytes;
    FILE *out = open_memstream(&text, &size_bytes);
    if (!out)
        abort();
    ir_print(out, block);
    fclose(out);
    return text;
}
