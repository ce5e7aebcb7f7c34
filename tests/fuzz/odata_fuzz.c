/* Any bytes as an answer of an OData service: the first says of which version, to which request. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/connector/odata/batch.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char batch_arguments[] =
    "{\"requests\":[{\"id\":\"a\",\"function\":\"create\",\"entity\":\"A\",\"body\":{},\"group\":"
    "\"g\"},{\"id\":\"b\",\"function\":\"create\",\"entity\":\"A\",\"body\":{},\"group\":\"g\"},"
    "{\"id\":\"c\",\"function\":\"list\",\"entity\":\"A\"}]}";

/* What came out can be written, and reads back. */
static void check_value(struct gw_arena *arena, const struct gw_value *value)
{
    struct gw_json_error flaw;
    struct gw_value again;
    struct gw_buf buf;

    gw_buf_init(&buf, 16 << 20);
    gw_value_write(&buf, value);
    if (!buf.has_failed) {
        int rc = gw_value_read(arena, gw_buf_str(&buf), NULL, &again, &flaw);
        if (rc != 0 && rc != -ENOMEM)
            abort();
    }
    gw_buf_finish(&buf);
}

static void read_one(struct gw_arena *arena, const struct odata_settings *settings,
                     enum odata_shape shape, struct gw_str text)
{
    const struct odata_request request = {.shape = shape, .path = GW_STR("/A")};
    struct odata_refusal refusal;
    struct odata_answer answer;
    struct gw_error error;
    struct gw_value list;

    if (odata_answer_read(arena, settings, &request, GW_STR("F"), text, &answer, &error) == 0) {
        check_value(arena, &answer.value);
        if (shape == ODATA_LIST && answer.value.type != GW_JSON_ARRAY)
            abort();
        if (shape == ODATA_LIST && odata_answer_make_list(arena, &answer, &list) == 0)
            check_value(arena, &list);
    }
    if (odata_refusal_read(arena, text, &refusal) == 0 &&
        odata_refusal_class(500, &refusal, ODATA_WRITING) == GW_CONNECTOR_OK)
        abort();
}

/* Whatever an answer says, no member of a group holds while another does not. */
static void read_batch(struct gw_arena *arena, const struct odata_settings *settings, bool is_json,
                       struct gw_str text)
{
    struct gw_value arguments, result;
    struct odata_batch batch;
    struct gw_json_error flaw;
    struct gw_error error;
    const struct odata_builder builder = {
        .arena = arena, .settings = settings, .arguments = &arguments, .error = &error};

    if (gw_value_read(arena, gw_str_of(batch_arguments), NULL, &arguments, &flaw) != 0 ||
        odata_batch_read(&builder, &batch) != 0)
        abort();
    int rc = is_json ? odata_batch_take_json(arena, settings, text, &batch, &error)
                     : odata_batch_take_multipart(GW_STR("multipart/mixed; boundary=b"), text,
                                                  &batch, &error);
    if (rc != 0 || odata_batch_settle(arena, settings, ODATA_WRITING, &batch) != 0)
        return;
    for (size_t i = 0; i < 2; i++)
        if (batch.members[i].error == GW_CONNECTOR_OK &&
            (batch.members[1 - i].status < 200 || batch.members[1 - i].status > 299))
            abort();
    if (odata_batch_make_result(arena, &batch, &result) == 0)
        check_value(arena, &result);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_arena arena;

    if (len == 0)
        return 0;
    const struct odata_settings settings = {
        .version = bytes[0] & 1 ? ODATA_V4 : ODATA_V2,
        .midnight_is_date = (bytes[0] & 2) != 0,
        .max_answer_bytes = 1 << 20,
    };
    struct gw_str text = gw_str_from((const char *)bytes + 1, len - 1);
    unsigned what = bytes[0] >> 2 & 7;

    gw_arena_init(&arena, 16 * 1024, 32 << 20);
    if (what < 4)
        read_one(&arena, &settings, (enum odata_shape)what, text);
    else
        read_batch(&arena, &settings, what & 1, text);
    gw_arena_finish(&arena);
    return 0;
}
