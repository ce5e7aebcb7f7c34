/* Idempotency-Key fields and kept answers of any bytes: what is read is bounded, and an answer that
 * is read can be written and read again, to the same end. The first byte chooses. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "policies/idempotency/answer.h"
#include "policies/idempotency/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void fuzz_key(struct gw_arena *arena, struct gw_str value, bool is_lenient)
{
    struct gw_str key;
    const char *flaw;

    if (key_parse(arena, value, is_lenient, &key, &flaw) != 0)
        return;
    if (key.len == 0 || key.len > KEY_MAX_BYTES || key.len > value.len)
        abort();
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < 0x20 || key.ptr[i] > 0x7e)
            abort();
    }
}

static void fuzz_answer(struct gw_arena *arena, struct gw_str text)
{
    struct answer answer, again;
    struct gw_str written;

    if (answer_read(arena, text, &answer) != 0)
        return;
    if (answer.field_count > ANSWER_MAX_FIELDS || answer.body.len > text.len)
        abort();
    int rc = answer_write(arena, &answer, &written);
    if (rc == -ENOMEM || rc == -ENOSPC)
        return;
    if (rc != 0 || answer_read(arena, written, &again) != 0 || again.status != answer.status ||
        again.field_count != answer.field_count || !gw_str_equal(again.body, answer.body))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_arena arena;

    if (len == 0)
        return 0;
    struct gw_str rest = gw_str_from((const char *)bytes + 1, len - 1);
    gw_arena_init(&arena, 4096, 4 << 20);
    if (bytes[0] == 'A')
        fuzz_answer(&arena, rest);
    else
        fuzz_key(&arena, rest, bytes[0] == 'L');
    gw_arena_finish(&arena);
    return 0;
}
