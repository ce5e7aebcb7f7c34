#include "server/observe/access_line.h"

#include <time.h>

#include "server/core/clock.h"
#include "server/http/exchange.h"

/* printf costs more than all the rest of a line: numbers are written by hand. */
static void append_number(struct gw_buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    gw_buf_append(out, digits + at, sizeof(digits) - at);
}

static void append_padded(struct gw_buf *out, unsigned value, size_t width)
{
    char digits[10];

    for (size_t i = width; i > 0; i--) {
        digits[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    gw_buf_append(out, digits, width);
}

static void append_text_member(struct gw_buf *out, const char *name, struct gw_str value)
{
    if (value.len == 0)
        return;
    gw_buf_append_text(out, name);
    gw_buf_append_json(out, value);
    gw_buf_append_byte(out, '"');
}

static void append_number_member(struct gw_buf *out, const char *name, uint64_t value)
{
    gw_buf_append_text(out, name);
    append_number(out, value);
}

/* Milliseconds with three decimals. */
static void append_ms_member(struct gw_buf *out, const char *name, uint64_t ns)
{
    append_number_member(out, name, ns / GW_NS_PER_MS);
    gw_buf_append_byte(out, '.');
    append_padded(out, (unsigned)(ns % GW_NS_PER_MS / GW_NS_PER_US), 3);
}

static void append_time(struct gw_buf *out, struct gw_access_clock *clock, uint64_t wall_ns)
{
    uint64_t second = wall_ns / GW_NS_PER_SECOND;

    if (second != clock->second) {
        time_t seconds = (time_t)second;
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(clock->text, sizeof(clock->text), "%Y-%m-%dT%H:%M:%S", &utc);
        clock->second = second;
    }
    gw_buf_append_text(out, "{\"time\":\"");
    gw_buf_append_text(out, clock->text);
    gw_buf_append_byte(out, '.');
    append_padded(out, (unsigned)(wall_ns % GW_NS_PER_SECOND / GW_NS_PER_MS), 3);
    gw_buf_append_text(out, "Z\"");
}

void gw_access_line_append(struct gw_buf *out, struct gw_access_clock *clock,
                           const struct gw_exchange *ex, uint64_t end_ns)
{
    const struct gw_exchange_record *record = &ex->record;
    bool was_answered = ex->state != GW_EXCHANGE_GONE;

    append_time(out, clock, ex->wall_ns);
    append_text_member(out, ",\"request_id\":\"", record->request_id);
    append_text_member(out, ",\"cause_id\":\"", record->cause_id);
    append_text_member(out, ",\"trace_id\":\"", record->trace_id);
    append_text_member(out, ",\"span_id\":\"", record->span_id);
    append_text_member(out, ",\"peer\":\"", ex->request.peer);
    append_text_member(out, ",\"method\":\"", ex->request.method_name);
    append_text_member(out, ",\"path\":\"", ex->request.path);
    append_text_member(out, ",\"route\":\"", record->route);
    append_text_member(out, ",\"consumer\":\"", ex->identity.consumer);
    append_text_member(out, ",\"idempotency_key\":\"", record->idempotency_key);
    append_number_member(out, ",\"status\":", (uint64_t)ex->response.status);
    if (!was_answered)
        gw_buf_append_text(out, ",\"aborted\":true");
    if (record->problem != NULL)
        append_text_member(out, ",\"problem\":\"", gw_str_of(record->problem));
    append_text_member(out, ",\"detail\":\"", record->detail);
    append_ms_member(out, ",\"duration_ms\":", end_ns - ex->now_ns);
    if (record->policies_ns > 0)
        append_ms_member(out, ",\"policies_ms\":", record->policies_ns - ex->now_ns);
    append_text_member(out, ",\"flow\":\"", record->flow);
    append_text_member(out, ",\"backend\":\"", record->backend);
    append_text_member(out, ",\"target\":\"", record->target);
    if (record->attempts > 0)
        append_number_member(out, ",\"attempts\":", record->attempts);
    if (record->upstream_status > 0)
        append_number_member(out, ",\"upstream_status\":", (uint64_t)record->upstream_status);
    if (record->upstream_head_ns > 0)
        append_ms_member(out,
                         ",\"upstream_ms\":", record->upstream_head_ns - record->upstream_start_ns);
    append_number_member(out, ",\"request_bytes\":", record->request_bytes);
    append_number_member(out, ",\"response_bytes\":", record->response_bytes);
    gw_buf_append_text(out, "}\n");
}
