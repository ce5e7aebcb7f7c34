/* WebSocket: a stream of any bytes has its frames' ends where RFC 6455 has them, however it is cut
 * into pieces; and a handshake of any fields is good only with a key that can be answered. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/exchange.h"
#include "server/http/websocket.h"

#define MAX_FIELDS 16

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Where the frame that begins at `at` ends, read all at once; len if it does not end within. */
static size_t end_of_frame(const uint8_t *bytes, size_t len, size_t at)
{
    if (len - at < 2)
        return len;
    uint64_t payload = bytes[at + 1] & 0x7f;
    size_t extended = payload == 126 ? 2 : payload == 127 ? 8 : 0;
    size_t head = 2 + extended + (bytes[at + 1] & 0x80 ? 4 : 0);
    if (len - at < head)
        return len;
    if (extended > 0)
        payload = 0;
    for (size_t i = 0; i < extended; i++)
        payload = payload << 8 | bytes[at + 2 + i];
    return payload < len - at - head ? at + head + (size_t)payload : len;
}

/* Follows the stream in pieces of at most `step` bytes. */
static void follow(const uint8_t *bytes, size_t len, size_t step)
{
    struct gw_websocket_frames frames = {0};
    size_t begin = 0;

    for (size_t at = 0; at < len;) {
        size_t end = end_of_frame(bytes, len, begin);
        size_t piece = len - at < step ? len - at : step;
        size_t taken =
            gw_websocket_frames_follow(&frames, gw_str_from((const char *)bytes + at, piece));
        if (taken == 0 || taken > piece || at + taken > end)
            abort();
        at += taken;
        if (taken < piece && at != end)
            abort(); /* it stops at ends only */
        if (gw_websocket_frames_is_between(&frames))
            begin = at;
        if (gw_websocket_frames_is_between(&frames) && at != end)
            abort();
        if (at == end && at < len && !gw_websocket_frames_is_between(&frames))
            abort();
    }
}

/* "Name: value" lines. */
static void shake_hands(struct gw_str text)
{
    struct gw_field fields[MAX_FIELDS];
    struct gw_request request = {.method = GW_METHOD_GET, .fields = fields};
    char accept[GW_WEBSOCKET_ACCEPT_LEN + 1], again[GW_WEBSOCKET_ACCEPT_LEN + 1];
    struct gw_str line, name, key;

    while (request.field_count < MAX_FIELDS && gw_str_split(&text, '\n', &line)) {
        if (gw_str_split(&line, ':', &name))
            fields[request.field_count++] = (struct gw_field){name, gw_str_trim(line)};
    }
    (void)gw_websocket_is_asked(&request);
    if (gw_websocket_check(&request, &key) != GW_WEBSOCKET_GOOD)
        return;
    if (key.len != GW_WEBSOCKET_KEY_LEN)
        abort();
    gw_websocket_accept(key, accept);
    gw_websocket_accept(key, again);
    if (strlen(accept) != GW_WEBSOCKET_ACCEPT_LEN || strcmp(accept, again) != 0 ||
        accept[GW_WEBSOCKET_ACCEPT_LEN - 1] != '=')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (bytes[0] == 'h') {
        shake_hands(gw_str_from((const char *)bytes + 1, len - 1));
        return 0;
    }
    for (size_t step = 1; step <= 16; step *= 2)
        follow(bytes + 1, len - 1, step);
    follow(bytes + 1, len - 1, len);
    return 0;
}
