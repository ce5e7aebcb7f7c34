#include "server/gateway/landscape_cursor.h"

#include <errno.h>
#include <string.h>

#include "server/core/utf8.h"
#include "server/crypto/base64url.h"

#define VERSION 1
#define SUM_BYTES 4
#define MAX_BYTES (GW_MAX_CURSOR_CHARS / 4 * 3)
#define IS_PACKED 1 /* the part's cursor is base64url itself, and stands here decoded */

/* FNV-1a. */
static uint32_t sum_of(const uint8_t *bytes, size_t len)
{
    uint32_t sum = UINT32_C(2166136261);

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT32_C(16777619);
    return sum;
}

/* --- writing --- */

struct writer {
    uint8_t bytes[MAX_BYTES];
    size_t len;
    bool is_full;
};

static void put(struct writer *writer, const void *bytes, size_t len)
{
    if (len > sizeof(writer->bytes) - writer->len) {
        writer->is_full = true;
        return;
    }
    if (len > 0)
        memcpy(writer->bytes + writer->len, bytes, len);
    writer->len += len;
}

static void put_number(struct writer *writer, uint32_t number, size_t bytes)
{
    uint8_t big_endian[4];

    for (size_t i = 0; i < bytes; i++)
        big_endian[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
    put(writer, big_endian, bytes);
}

static void put_part(struct writer *writer, const struct gw_part_cursor *part)
{
    uint8_t decoded[GW_MAX_CURSOR_CHARS];
    struct gw_str cursor = part->cursor;
    bool is_packed = cursor.len > 0 && cursor.len <= sizeof(decoded) &&
                     gw_base64url_decode(cursor, decoded) == 0;

    if (part->system.len > UINT8_MAX || part->skip > UINT16_MAX || cursor.len > sizeof(decoded)) {
        writer->is_full = true;
        return;
    }
    put_number(writer, (uint32_t)part->system.len, 1);
    put(writer, part->system.ptr, part->system.len);
    put_number(writer, is_packed ? IS_PACKED : 0, 1);
    put_number(writer, part->skip, 2);
    size_t len = is_packed ? gw_base64url_decoded_bytes(cursor.len) : cursor.len;
    put_number(writer, (uint32_t)len, 2);
    put(writer, is_packed ? (const char *)decoded : cursor.ptr, len);
}

int gw_landscape_cursor_write(struct gw_arena *arena, const struct gw_part_cursor *parts,
                              size_t count, struct gw_str *out_text)
{
    struct writer writer = {.len = 0};

    put_number(&writer, VERSION, 1);
    for (size_t i = 0; i < count; i++)
        put_part(&writer, &parts[i]);
    put_number(&writer, sum_of(writer.bytes, writer.len), SUM_BYTES);
    if (writer.is_full)
        return -EMSGSIZE;
    size_t len = gw_base64url_encoded_len(writer.len);
    char *text = gw_arena_alloc(arena, len + 1);
    if (text == NULL)
        return -ENOMEM;
    gw_base64url_encode(writer.bytes, writer.len, text);
    text[len] = '\0';
    *out_text = gw_str_from(text, len);
    return 0;
}

/* --- reading --- */

struct reader {
    const uint8_t *next;
    size_t left;
    bool is_wrong;
};

static struct gw_str get(struct reader *reader, size_t len)
{
    const char *at = (const char *)reader->next;

    if (len > reader->left) {
        reader->is_wrong = true;
        return GW_STR("");
    }
    reader->next += len;
    reader->left -= len;
    return gw_str_from(at, len);
}

static uint32_t get_number(struct reader *reader, size_t bytes)
{
    struct gw_str text = get(reader, bytes);
    uint32_t number = 0;

    for (size_t i = 0; i < text.len; i++)
        number = number << 8 | (uint8_t)text.ptr[i];
    return number;
}

/* It becomes a parameter of the system's flow, which no schema looks at: it must be a text. */
static bool is_text(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return gw_utf8_is_valid(text);
}

static int get_part(struct reader *reader, struct gw_arena *arena, struct gw_part_cursor *out_part)
{
    struct gw_part_cursor part;

    part.system = get(reader, get_number(reader, 1));
    uint32_t flags = get_number(reader, 1);
    part.skip = get_number(reader, 2);
    part.cursor = get(reader, get_number(reader, 2));
    if (reader->is_wrong || flags > IS_PACKED || part.system.len == 0 ||
        (flags != IS_PACKED && !is_text(part.cursor)))
        return -EINVAL;
    if (flags == IS_PACKED) {
        size_t len = gw_base64url_encoded_len(part.cursor.len);
        char *text = gw_arena_alloc(arena, len + 1);
        if (text == NULL)
            return -ENOMEM;
        gw_base64url_encode((const uint8_t *)part.cursor.ptr, part.cursor.len, text);
        text[len] = '\0';
        part.cursor = gw_str_from(text, len);
    }
    *out_part = part;
    return 0;
}

int gw_landscape_cursor_read(struct gw_arena *arena, struct gw_str text,
                             struct gw_part_cursor *out_parts, size_t *out_count)
{
    size_t len = gw_base64url_decoded_bytes(text.len), count = 0;

    if (text.len > GW_MAX_CURSOR_CHARS || len < 1 + SUM_BYTES)
        return -EINVAL;
    uint8_t *bytes = gw_arena_alloc(arena, len);
    if (bytes == NULL)
        return -ENOMEM;
    if (gw_base64url_decode(text, bytes) != 0)
        return -EINVAL;
    struct reader sum = {.next = bytes + len - SUM_BYTES, .left = SUM_BYTES};
    struct reader reader = {.next = bytes, .left = len - SUM_BYTES};
    if (get_number(&sum, SUM_BYTES) != sum_of(bytes, len - SUM_BYTES) ||
        get_number(&reader, 1) != VERSION)
        return -EINVAL;
    while (reader.left > 0) {
        int rc = count == GW_MAX_LANDSCAPE_SYSTEMS ? -EINVAL
                                                   : get_part(&reader, arena, &out_parts[count++]);
        if (rc != 0)
            return rc;
    }
    if (count == 0)
        return -EINVAL;
    *out_count = count;
    return 0;
}
