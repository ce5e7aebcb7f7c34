/* The reader against jansson: what one accepts the other must, but for known differences. Both
 * paths of the reader must agree with each other in every token; and what it writes back must read
 * the same.
 *
 * Jansson differs, and rightly may, in that it
 * - accepts a text that is followed by NUL bytes or by nothing else than white space we refuse,
 * never more;
 * - takes a NUL byte behind the value for the end of the text;
 * - refuses integers beyond 64 bits and reals beyond a double, which we keep exactly;
 * - refuses U+0000 unless told to allow it (it is), and a NUL in names always;
 * - has its own depth limit, 2048, where ours is 128;
 * - takes exponents that we refuse (10^18 and above) when the number is zero or underflows. */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/json/equal.h"
#include "server/json/reader.h"
#include "server/json/tape_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The verdicts may differ when the text has a number or a name that jansson cannot hold. */
static bool has_what_jansson_lacks(const struct gw_json_tape *tape)
{
    for (uint32_t i = 0; i < tape->count; i++) {
        const struct gw_json_token *token = &tape->tokens[i];
        if (token->type == GW_JSON_NUMBER && (token->flags & GW_JSON_SMALL) == 0)
            return true;
        if ((token->flags & GW_JSON_NAME) != 0 && token->type == GW_JSON_STRING &&
            memchr(token->ptr, '\0', token->len) != NULL)
            return true;
    }
    return false;
}

static void compare_with_jansson(const struct gw_json_tape *tape, int rc, const char *text,
                                 size_t len)
{
    json_error_t error;
    json_t *tree = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (rc == 0)
        check(tree != NULL || has_what_jansson_lacks(tape));
    else
        check(tree == NULL || rc == -EMSGSIZE || memchr(text, '\0', len) != NULL);
    json_decref(tree);
}

static void compare_paths(struct gw_arena *arena, struct gw_str text, int rc,
                          const struct gw_json_tape *tape, const struct gw_json_error *error)
{
    struct gw_json_tape other;
    struct gw_json_error other_error;

    check(gw_json_read_portable(arena, text, NULL, &other, &other_error) == rc);
    if (rc != 0) {
        check(other_error.byte == error->byte && error->byte <= text.len);
        return;
    }
    check(other.count == tape->count && other.has_duplicates == tape->has_duplicates);
    check(gw_json_equal(tape, 0, &other, 0, arena) == 1 || tape->has_duplicates);
    check(gw_json_hash(tape, 0) == gw_json_hash(&other, 0));
}

static void write_and_read(struct gw_arena *arena, const struct gw_json_tape *tape)
{
    struct gw_json_tape again;
    struct gw_json_error error;
    struct gw_buf buf;

    gw_buf_init(&buf, 64u << 20);
    gw_json_write(&buf, tape, 0);
    check(!buf.has_failed);
    check(gw_json_read(arena, gw_buf_str(&buf), NULL, &again, &error) == 0);
    check(again.count == tape->count && gw_json_hash(&again, 0) == gw_json_hash(tape, 0));
    gw_buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_arena arena;
    struct gw_json_tape tape;
    struct gw_json_error error;
    struct gw_str text = gw_str_from((const char *)bytes, len);

    gw_arena_init(&arena, 16 << 10, 256u << 20);
    int rc = gw_json_read(&arena, text, NULL, &tape, &error);
    compare_with_jansson(&tape, rc, text.ptr, text.len);
    compare_paths(&arena, text, rc, &tape, &error);
    if (rc == 0)
        write_and_read(&arena, &tape);
    gw_arena_finish(&arena);
    return 0;
}
