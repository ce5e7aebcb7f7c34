#include "tests/unit/support/http_message.h"

#include <errno.h>
#include <string.h>

#include "server/net/http_parser.h"

struct reading {
    struct gw_http_head_parser parser;
    struct gw_http_chunks chunks;
    struct message message;
    enum gw_http_framing framing;
    bool has_head, is_to_head, is_done;
    size_t begin;  /* of the current head, or of what is unread of the body */
    uint64_t left; /* by length */
};

static uint64_t hash_on(uint64_t hash, struct gw_str text)
{
    for (size_t at = 0; at < text.len; at++)
        hash = (hash ^ (unsigned char)text.ptr[at]) * UINT64_C(1099511628211);
    return (hash ^ 0x100) * UINT64_C(1099511628211);
}

static void take_body(struct reading *reading, struct gw_str bytes)
{
    struct message *message = &reading->message;

    for (size_t at = 0; at < bytes.len; at++) {
        if (message->body_bytes < sizeof(message->body) - 1)
            message->body[message->body_bytes] = bytes.ptr[at];
        message->body_bytes++;
        message->body_hash =
            (message->body_hash ^ (unsigned char)bytes.ptr[at]) * UINT64_C(1099511628211);
    }
}

/* How far the bytes before the fault were looked at depends on the cut, the verdict does not. */
static bool refuse(struct reading *reading, ssize_t status)
{
    memset(&reading->message, 0, sizeof(reading->message));
    reading->begin = 0;
    reading->message.outcome = status == -EMSGSIZE ? MESSAGE_TOO_LARGE : MESSAGE_REFUSED;
    reading->is_done = true;
    return false;
}

static void take_head(struct reading *reading)
{
    const struct gw_http_head *head = &reading->parser.head;
    struct message *message = &reading->message;

    reading->has_head = true;
    reading->framing = gw_http_head_framing(head, reading->is_to_head);
    reading->left = reading->framing == GW_HTTP_BY_LENGTH ? head->length : 0;
    message->status = head->status;
    message->is_persistent = head->is_persistent;
    message->field_count = (unsigned)head->field_count;
    for (size_t at = 0; at < head->field_count; at++)
        message->fields_hash =
            hash_on(hash_on(message->fields_hash, head->fields[at].name), head->fields[at].value);
}

/* Returns whether to go on. */
static bool read_head(struct reading *reading, struct gw_str input)
{
    const char *why = NULL;
    ssize_t len = gw_http_head_parse(&reading->parser, gw_str_tail(input, reading->begin), &why);

    if (len <= 0)
        return len < 0 ? refuse(reading, len) : false;
    reading->begin += (size_t)len;
    if (reading->parser.head.status == 101)
        return refuse(reading, -EBADMSG);
    if (reading->parser.head.status < 200)
        gw_http_head_parser_init(&reading->parser, 0);
    else
        take_head(reading);
    return true;
}

static bool read_chunks(struct reading *reading, struct gw_str input)
{
    struct gw_str rest = gw_str_tail(input, reading->begin);
    const char *why;
    size_t used;

    reading->is_done = reading->chunks.is_done;
    if (reading->is_done || rest.len == 0)
        return false;
    if (reading->chunks.left == 0) {
        ssize_t framing = gw_http_chunks_frame(&reading->chunks, rest, &why);

        if (framing < 0)
            return refuse(reading, framing);
        used = (size_t)framing;
    } else {
        used = reading->chunks.left < rest.len ? (size_t)reading->chunks.left : rest.len;
        take_body(reading, gw_str_from(rest.ptr, used));
        gw_http_chunks_took(&reading->chunks, used);
    }
    reading->begin += used;
    return true;
}

static bool read_body(struct reading *reading, struct gw_str input)
{
    struct gw_str rest = gw_str_tail(input, reading->begin);

    if (reading->framing == GW_HTTP_BY_CHUNKS)
        return read_chunks(reading, input);
    if (reading->framing == GW_HTTP_BY_LENGTH && rest.len > reading->left)
        rest.len = (size_t)reading->left;
    if (reading->framing == GW_HTTP_NO_BODY)
        rest.len = 0;
    take_body(reading, rest);
    reading->begin += rest.len;
    if (reading->framing == GW_HTTP_BY_LENGTH)
        reading->left -= rest.len;
    reading->is_done = reading->framing != GW_HTTP_BY_CLOSE && reading->left == 0;
    return false;
}

static void read_piece(struct reading *reading, struct gw_str input)
{
    bool goes_on = true;

    while (goes_on && !reading->is_done)
        goes_on = reading->has_head ? read_body(reading, input) : read_head(reading, input);
}

struct message message_read(struct gw_str input, bool is_to_head,
                            bool (*cut)(void *self, size_t at), void *self)
{
    struct reading reading;

    memset(&reading, 0, sizeof(reading));
    gw_http_head_parser_init(&reading.parser, 0);
    reading.is_to_head = is_to_head;
    reading.message.outcome = MESSAGE_COMPLETE;
    for (size_t at = 1; at < input.len && cut != NULL; at++) {
        if (cut(self, at))
            read_piece(&reading, gw_str_from(input.ptr, at));
    }
    read_piece(&reading, input);
    if (!reading.is_done && !(reading.has_head && reading.framing == GW_HTTP_BY_CLOSE))
        reading.message.outcome = MESSAGE_INCOMPLETE;
    reading.message.used_bytes = reading.begin;
    return reading.message;
}
