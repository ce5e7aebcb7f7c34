#include "server/observe/trace.h"

static const char hex_digits[] = "0123456789abcdef";

static bool is_lower_hex(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (!((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f')))
            return false;
    }
    return true;
}

static bool is_all_zero(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '0')
            return false;
    }
    return true;
}

static unsigned hex_value(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

bool gw_traceparent_parse(struct gw_str text, struct gw_traceparent *out_parent)
{
    if (text.len < GW_TRACEPARENT_LEN)
        return false;

    struct gw_str version = gw_str_from(text.ptr, 2);
    struct gw_str trace_id = gw_str_from(text.ptr + 3, GW_TRACE_ID_LEN);
    struct gw_str parent_id = gw_str_from(text.ptr + 36, GW_SPAN_ID_LEN);
    struct gw_str flags = gw_str_from(text.ptr + 53, 2);
    if (text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-' ||
        !is_lower_hex(version) || !is_lower_hex(trace_id) || !is_lower_hex(parent_id) ||
        !is_lower_hex(flags) || gw_str_equal(version, GW_STR("ff")))
        return false;
    if (text.len > GW_TRACEPARENT_LEN &&
        (is_all_zero(version) || text.ptr[GW_TRACEPARENT_LEN] != '-'))
        return false;
    if (is_all_zero(trace_id) || is_all_zero(parent_id))
        return false;
    *out_parent = (struct gw_traceparent){
        .trace_id = trace_id,
        .parent_id = parent_id,
        .is_sampled = (hex_value(flags.ptr[1]) & 1) != 0,
    };
    return true;
}

void gw_traceparent_print(struct gw_str trace_id, struct gw_str span_id, bool is_sampled,
                          char out[GW_TRACEPARENT_LEN])
{
    memcpy(out, "00-", 3);
    memcpy(out + 3, trace_id.ptr, GW_TRACE_ID_LEN);
    out[35] = '-';
    memcpy(out + 36, span_id.ptr, GW_SPAN_ID_LEN);
    memcpy(out + 52, is_sampled ? "-01" : "-00", 3);
}

void gw_trace_hex(const unsigned char *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len / 2; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 0xf];
    }
}
