/* Answers of a Tryton: the first byte is the status, the rest the body. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "server/connector/tryton/answer.h"
#include "server/connector/tryton/value.h"
#include "server/core/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came as a plain value can be sent as an argument, unless it looks like a mark or a class. */
static void write_again(const struct gw_value *value)
{
    struct gw_error error = {0};
    struct gw_buf buf;

    gw_buf_init(&buf, 1 << 20);
    (void)!tryton_value_write(&buf, value, &error);
    gw_buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 200, 200, 200, 401, 403, 404, 429, 500, 503, 302, 204};
    struct gw_connector_failure failure;
    struct gw_value wire, value;
    struct gw_arena arena;

    if (size == 0)
        return 0;
    int status = statuses[data[0] % GW_COUNT_OF(statuses)];
    const struct gw_call_answer answer = {
        .status = status,
        .backend_status = status,
        .was_sent = true,
        .body = gw_str_from((const char *)data + 1, size - 1),
    };
    gw_arena_init(&arena, 4096, 8 << 20);
    enum gw_connector_error error =
        tryton_answer_read(&arena, &answer, data[0] & 1, &wire, &failure);
    assert(error == GW_CONNECTOR_OK || failure.error == error);
    if (error == GW_CONNECTOR_OK && tryton_value_read(&arena, &wire, &value) == 0)
        write_again(&value);
    gw_arena_finish(&arena);
    return 0;
}
