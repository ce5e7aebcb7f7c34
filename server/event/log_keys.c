#include "server/event/log_keys.h"

#include "server/core/hash.h"
#include "server/crypto/digest.h"

#define ID_DIGITS 32

struct gw_str gw_event_key(unsigned partition, const char *what, char out[GW_EVENT_KEY_BYTES])
{
    int len = snprintf(out, GW_EVENT_KEY_BYTES, "{millgate:events:%u}:%s", partition, what);

    return gw_str_from(out, (size_t)len);
}

struct gw_str gw_event_guard_key(unsigned partition, const struct gw_event *event,
                                 char out[GW_EVENT_KEY_BYTES])
{
    char text[2 * GW_EVENT_MAX_ATTRIBUTE + 1], hex[2 * GW_SHA256_BYTES + 1], what[ID_DIGITS + 8];
    size_t len = event->source.len;

    /* A source has no NUL, so no two pairs make one text. */
    memcpy(text, event->source.ptr, len);
    text[len++] = '\0';
    memcpy(text + len, event->id.ptr, event->id.len);
    gw_digest_hex(GW_SHA256, gw_str_from(text, len + event->id.len), hex);
    snprintf(what, sizeof(what), "id:%.*s", ID_DIGITS, hex);
    return gw_event_key(partition, what, out);
}

unsigned gw_event_partition(const struct gw_event *event, unsigned partitions)
{
    static const struct gw_hash_key key = {UINT64_C(0x6d696c6c67617465), UINT64_C(0x6576656e7473)};
    struct gw_str what = event->subject.len > 0 ? event->subject : event->source;

    return (unsigned)(gw_hash(&key, what) % partitions);
}
