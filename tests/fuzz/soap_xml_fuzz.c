/* Any bytes as an answer of a SOAP service: the first says how it came. What can be read can be
 * written, and says the same when it is read again. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/connector/soap/body.h"
#include "server/connector/soap/request.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/upstream/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_again(struct gw_arena *arena, const struct soap_reading *reading,
                        const struct gw_value *value)
{
    struct gw_error error = {0};
    struct soap_envelope envelope;
    struct gw_value again;
    struct gw_buf buf;

    gw_buf_init(&buf, 8 << 20);
    soap_envelope_begin(&buf, SOAP_1_1, reading->names);
    soap_envelope_begin_body(&buf);
    int rc = soap_body_write(&buf, reading->names, value, &error);
    soap_envelope_end(&buf);
    if (rc == 0 && !buf.has_failed) {
        rc = soap_envelope_read(arena, gw_buf_str(&buf), GW_STR(""), &envelope, &error);
        if (rc == -EINVAL)
            abort();
        if (rc == 0 && soap_body_read_children(arena, reading, envelope.body, &again) == 0 &&
            !gw_value_equal(value, &again))
            abort();
    }
    gw_buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const int statuses[] = {200, 200, 500, 400, 202, 302, 503, 401};
    static const struct gw_str types[] = {
        GW_STR_INIT("text/xml"),
        GW_STR_INIT("text/xml; charset=utf-8"),
        GW_STR_INIT("text/xml; charset=\"windows-1252\""),
        GW_STR_INIT("application/soap+xml; charset=utf-16"),
    };
    struct gw_connector_failure failure;
    struct soap_settings settings = {0};
    struct soap_request request = {0};
    struct gw_error unused;
    struct gw_arena arena;
    struct gw_value result;

    if (len == 0)
        return 0;
    const struct gw_field type = {GW_STR("Content-Type"), types[bytes[0] >> 3 & 3]};
    const struct gw_call_answer answer = {
        .status = statuses[bytes[0] & 7],
        .backend_status = statuses[bytes[0] & 7],
        .was_sent = true,
        .fields = &type,
        .field_count = 1,
        .body = gw_str_from((const char *)bytes + 1, len - 1),
    };
    request.reading.names = &request.names;
    if (soap_names_add(&request.names, GW_STR("m"), GW_STR("urn:m"), &unused) != 0)
        abort();
    gw_arena_init(&arena, 16 * 1024, 32 << 20);
    enum gw_connector_error error =
        soap_answer_read(&arena, &settings, &request, &answer, bytes[0] >> 7, &result, &failure);
    if (error == GW_CONNECTOR_OK && result.type == GW_JSON_OBJECT)
        check_again(&arena, &request.reading, &result);
    else if (error != GW_CONNECTOR_OK && failure.error != error)
        abort();
    gw_arena_finish(&arena);
    return 0;
}
