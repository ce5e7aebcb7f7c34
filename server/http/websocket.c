#include "server/http/websocket.h"

#include "server/core/buf.h"
#include "server/crypto/base64.h"
#include "server/crypto/digest.h"
#include "server/crypto/random.h"
#include "server/http/exchange.h"

#define KEY_BYTES 16
#define SHA1_BYTES 20

static const struct gw_str magic = GW_STR_INIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");

/* --- the handshake --- */

static bool lists(const struct gw_request *request, struct gw_str name, struct gw_str wanted)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct gw_str rest = request->fields[i].value;
        struct gw_str item;
        if (request->fields[i].name.len != name.len ||
            !gw_str_equal_nocase(request->fields[i].name, name))
            continue;
        while (gw_str_split(&rest, ',', &item)) {
            if (gw_str_equal_nocase(gw_str_trim(item), wanted))
                return true;
        }
    }
    return false;
}

bool gw_websocket_is_asked(const struct gw_request *request)
{
    return request->method == GW_METHOD_GET && request->body_bytes == 0 &&
           lists(request, GW_STR("Upgrade"), GW_STR("websocket")) &&
           lists(request, GW_STR("Connection"), GW_STR("upgrade"));
}

/* The field's value if it stands there once. */
static struct gw_str only(const struct gw_request *request, struct gw_str name)
{
    struct gw_str found = GW_STR("");
    size_t count = 0;

    for (size_t i = 0; i < request->field_count; i++) {
        if (!gw_str_equal_nocase(request->fields[i].name, name))
            continue;
        found = request->fields[i].value;
        count++;
    }
    return count == 1 ? found : GW_STR("");
}

/* 16 bytes in base64: 22 digits and two signs of padding. */
static bool is_key(struct gw_str key)
{
    if (key.len != GW_WEBSOCKET_KEY_LEN || !gw_str_has_suffix(key, GW_STR("==")))
        return false;
    for (size_t i = 0; i < key.len - 2; i++) {
        char byte = key.ptr[i];
        bool is_digit = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                        (byte >= '0' && byte <= '9') || byte == '+' || byte == '/';
        if (!is_digit)
            return false;
    }
    return true;
}

enum gw_websocket_flaw gw_websocket_check(const struct gw_request *request, struct gw_str *out_key)
{
    struct gw_str key = only(request, GW_STR("Sec-WebSocket-Key"));

    if (!gw_str_equal(only(request, GW_STR("Sec-WebSocket-Version")), GW_STR("13")))
        return GW_WEBSOCKET_BAD_VERSION;
    if (!is_key(key))
        return GW_WEBSOCKET_BAD_KEY;
    *out_key = key;
    return GW_WEBSOCKET_GOOD;
}

/* The texts are short and the buffer never fails for want of room. */
static void encode(struct gw_str bytes, char *out, size_t out_len)
{
    struct gw_buf text;

    gw_buf_init(&text, out_len + 1);
    gw_base64_append(&text, bytes);
    if (!text.has_failed && text.len == out_len)
        memcpy(out, text.ptr, out_len);
    else
        memset(out, '=', out_len); /* without memory: a text that nobody accepts */
    out[out_len] = '\0';
    gw_buf_finish(&text);
}

void gw_websocket_accept(struct gw_str key, char out[GW_WEBSOCKET_ACCEPT_LEN + 1])
{
    char text[GW_WEBSOCKET_KEY_LEN + 64];
    uint8_t digest[SHA1_BYTES];
    size_t key_len = key.len < GW_WEBSOCKET_KEY_LEN ? key.len : GW_WEBSOCKET_KEY_LEN;

    memcpy(text, key.ptr, key_len);
    memcpy(text + key_len, magic.ptr, magic.len);
    gw_digest_compute(GW_SHA1, gw_str_from(text, key_len + magic.len), digest);
    encode(gw_str_from((const char *)digest, sizeof(digest)), out, GW_WEBSOCKET_ACCEPT_LEN);
}

void gw_websocket_make_key(char out[GW_WEBSOCKET_KEY_LEN + 1])
{
    char bytes[KEY_BYTES];

    gw_random_bytes(bytes, sizeof(bytes));
    encode(gw_str_from(bytes, sizeof(bytes)), out, GW_WEBSOCKET_KEY_LEN);
}

/* --- frames --- */

/* How long the head is, as far as its first two bytes tell. */
static size_t head_bytes(const struct gw_websocket_frames *frames)
{
    if (frames->head_len < 2)
        return 2;
    uint8_t len = frames->head[1] & 0x7f;
    size_t mask_bytes = frames->head[1] & 0x80 ? 4 : 0;
    return 2 + (len == 126 ? 2u : len == 127 ? 8u : 0u) + mask_bytes;
}

static uint64_t payload_bytes(const struct gw_websocket_frames *frames)
{
    uint8_t len = frames->head[1] & 0x7f;
    size_t count = len == 126 ? 2 : len == 127 ? 8 : 0;
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes = bytes << 8 | frames->head[2 + i];
    return count == 0 ? len : bytes;
}

size_t gw_websocket_frames_follow(struct gw_websocket_frames *frames, struct gw_str bytes)
{
    size_t at = 0;

    while (!frames->is_in_payload) {
        if (at == bytes.len)
            return at;
        frames->head[frames->head_len++] = (uint8_t)bytes.ptr[at++];
        if (frames->head_len < head_bytes(frames))
            continue;
        frames->payload_left = payload_bytes(frames);
        frames->is_in_payload = true;
    }
    size_t left = bytes.len - at;
    size_t taken = frames->payload_left < left ? (size_t)frames->payload_left : left;
    frames->payload_left -= taken;
    if (frames->payload_left == 0) {
        frames->is_in_payload = false;
        frames->head_len = 0;
    }
    return at + taken;
}

bool gw_websocket_frames_is_between(const struct gw_websocket_frames *frames)
{
    return !frames->is_in_payload && frames->head_len == 0;
}

void gw_websocket_write_close(uint16_t code, uint8_t out[GW_WEBSOCKET_CLOSE_BYTES])
{
    out[0] = 0x88; /* final, opcode 8 */
    out[1] = 2;
    out[2] = (uint8_t)(code >> 8);
    out[3] = (uint8_t)code;
}
