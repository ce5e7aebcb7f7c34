/* Any text as any parameter: the first bytes choose place, style, explode and shape, the rest is
 * what came. What is read must be a whole tape. */
#include <stdint.h>
#include <stdlib.h>

#include "server/contract/parameter_value.h"
#include "server/core/arena.h"
#include "server/core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct gw_shape integers = {.types = 1u << GW_JSON_NUMBER | GW_SHAPE_INTEGER};
static const struct gw_shape strings = {.types = 1u << GW_JSON_STRING};
static const struct gw_shape_member members[] = {
    {GW_STR_INIT("R"), {.types = 1u << GW_JSON_NUMBER}},
    {GW_STR_INIT("G"), {.types = 1u << GW_JSON_ARRAY, .items = &integers}},
};
static const struct gw_shape shapes[] = {
    {.types = GW_SHAPE_ANY},
    {.types = 1u << GW_JSON_NUMBER | GW_SHAPE_INTEGER},
    {.types = 1u << GW_JSON_STRING | 1u << GW_JSON_NULL | 1u << GW_JSON_TRUE},
    {.types = 1u << GW_JSON_ARRAY, .items = &integers},
    {.types = 1u << GW_JSON_ARRAY | 1u << GW_JSON_STRING},
    {.types = 1u << GW_JSON_OBJECT, .members = members, .member_count = 2, .is_closed = true},
    {.types = 1u << GW_JSON_OBJECT, .members = members, .member_count = 2, .others = &strings},
    {.types = 1u << GW_JSON_OBJECT | 1u << GW_JSON_NUMBER},
};

/* Every token inside its container, every string UTF-8. Returns the token behind the value. */
static uint32_t walk(const struct gw_json_tape *tape, uint32_t at)
{
    struct gw_json_cursor cursor;
    uint32_t count = 0;

    if (at >= tape->count)
        abort();
    if (gw_json_type(tape, at) == GW_JSON_STRING && !gw_utf8_is_valid(gw_json_string(tape, at)))
        abort();
    if (gw_json_type(tape, at) == GW_JSON_NUMBER && gw_json_number(tape, at).len == 0)
        abort();
    if (gw_json_type(tape, at) < GW_JSON_ARRAY)
        return at + 1;
    if (gw_json_next(tape, at) > tape->count)
        abort();
    cursor = gw_json_begin(tape, at);
    for (; gw_json_step(tape, &cursor); count++)
        (void)walk(tape, cursor.value);
    if (count != gw_json_count(tape, at))
        abort();
    return gw_json_next(tape, at);
}

static int open_source(const struct gw_parameter *parameter, const struct gw_str *text,
                       struct gw_pairs *pairs, struct gw_arena *arena,
                       struct gw_parameter_source *source)
{
    *source = (struct gw_parameter_source){.texts = text, .text_count = 1};
    *pairs = (struct gw_pairs){.items = NULL};
    if (parameter->place == GW_IN_PATH || parameter->place == GW_IN_HEADER)
        return 0;
    source->pairs = pairs;
    if (parameter->place == GW_IN_QUERY)
        return gw_pairs_read_query(*text, arena, pairs);
    pairs->items = gw_arena_alloc(arena, GW_PAIRS_MAX * sizeof(*pairs->items));
    return pairs->items == NULL ? -1 : gw_pairs_add_cookies(*text, pairs);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_parameter parameter = {.name = GW_STR_INIT("p")};
    struct gw_parameter_source source;
    struct gw_value_tape value;
    struct gw_json_tape tape;
    struct gw_arena arena;
    struct gw_pairs pairs;

    if (len < 3)
        return 0;
    parameter.place = (enum gw_parameter_place)(bytes[0] % 4);
    parameter.style = (enum gw_parameter_style)(bytes[1] % 7);
    parameter.explode = (bytes[1] & 0x80) != 0;
    parameter.shape = shapes[bytes[2] % GW_COUNT_OF(shapes)];
    struct gw_str text = gw_str_from((const char *)bytes + 3, len - 3);

    gw_arena_init(&arena, 4096, 4 << 20);
    if (open_source(&parameter, &text, &pairs, &arena, &source) == 0) {
        gw_value_tape_init(&value, &arena, (bytes[2] & 0x80) != 0);
        if (gw_parameter_read(&parameter, &source, &value) == 0 &&
            gw_value_tape_finish(&value, &tape) == 0 && walk(&tape, 0) != tape.count)
            abort();
        if (gw_parameter_text(&parameter, &source, &arena, &text) == 0 && !gw_utf8_is_valid(text))
            abort();
        (void)gw_parameter_is_empty(&parameter, &source);
    }
    gw_arena_finish(&arena);
    return 0;
}
