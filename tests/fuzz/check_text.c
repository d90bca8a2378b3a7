/* IR that does not survive as text: check_text.h. */
#include "tests/fuzz/check_text.h"

#include "tests/fuzz/fuzz.h"
#include "tests/ir/ir_text.h"

#include <stdlib.h>
#include <string.h>

void check_ir_text(struct arena *arena, const struct ir_block *block)
{
    struct ir_block *parsed;
    struct error err;
    char *text = print_ir(block);
    if (ir_parse(text, arena, &parsed, &err) || ir_verify(parsed, &err))
        fuzz_found("%s in\n%s", err.text, text);
    char *again = print_ir(parsed);
    if (strcmp(text, again) != 0)
        fuzz_found("printed\n%sread as\n%s", text, again);
    free(again);
    free(text);
}
