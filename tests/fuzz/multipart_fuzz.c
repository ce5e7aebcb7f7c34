/* Any bytes as a multipart form with the boundary "b": parts, then the object that a schema would
 * judge. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "policies/schema/multipart.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/json/tape_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct gw_shape integers = {.types = 1u << GW_JSON_NUMBER | GW_SHAPE_INTEGER};
static const struct gw_shape_member members[] = {
    {GW_STR_INIT("a"), {.types = 1u << GW_JSON_NUMBER}},
    {GW_STR_INIT("b"), {.types = 1u << GW_JSON_ARRAY, .items = &integers}},
    {GW_STR_INIT("c"), {.types = 1u << GW_JSON_OBJECT}},
    {GW_STR_INIT("d"), {.types = 1u << GW_JSON_OBJECT, .items = &integers}},
};
static const struct gw_str json_types[] = {GW_STR_INIT("application/json")};
static const struct gw_field_encoding encodings[] = {
    {.name = GW_STR_INIT("d"), .media_types = json_types, .media_type_count = 1},
};
static const struct gw_media_type type = {
    .shape = {.types = 1u << GW_JSON_OBJECT, .members = members, .member_count = 4},
    .encodings = encodings,
    .encoding_count = 1,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct body_rules rules = {.json = GW_JSON_LIMITS_DEFAULT};
    struct gw_str content_type = GW_STR("multipart/form-data; boundary=b");
    struct form_fields fields;
    const char *flaw = NULL;
    struct violations list;
    struct gw_value_tape value;
    struct gw_json_tape tape;
    struct gw_arena arena;
    struct gw_buf text;

    gw_arena_init(&arena, 4096, 8 << 20);
    violations_init(&list, &arena, 5);
    gw_value_tape_init(&value, &arena, len % 2 == 0);
    struct gw_str body = gw_str_from((const char *)bytes, len);
    if (multipart_read(content_type, body, &arena, &fields, &flaw) == 0) {
        form_add_object(&rules, &type, &fields, &value, &list);
        if (gw_value_tape_finish(&value, &tape) == 0) {
            /* Written out, it reads back as the same number of tokens. */
            gw_buf_init(&text, 16 << 20);
            gw_json_write(&text, &tape, 0);
            struct gw_json_tape again;
            struct gw_json_error error;
            int rc = gw_json_read(&arena, gw_buf_str(&text), NULL, &again, &error);
            if (!text.has_failed && rc == 0 && again.count != tape.count)
                abort();
            if (!text.has_failed && rc == -EINVAL)
                abort();
            gw_buf_finish(&text);
        }
        if (violations_members(&list).ptr == NULL)
            abort(); /* empty without memory, never nothing */
    }
    gw_arena_finish(&arena);
    return 0;
}
