#include "server/event/place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/crypto/base64url.h"

#define MAX_MS (UINT64_C(1) << 48) /* the year 10889 */
#define VERSION 1
#define MAX_NUMBER_BYTES 10
#define MAX_RAW_BYTES (2 + MAX_NUMBER_BYTES + GW_EVENT_MAX_PARTITIONS * 17)

_Static_assert(MAX_RAW_BYTES * 4 / 3 + 4 < GW_EVENT_CURSOR_BYTES, "a cursor has room");

int gw_event_position_parse(struct gw_str text, struct gw_event_position *out_position)
{
    size_t dash = gw_str_find(text, '-');
    struct gw_event_position position;

    if (dash >= text.len || gw_str_to_u64(gw_str_from(text.ptr, dash), &position.ms) != 0 ||
        gw_str_to_u64(gw_str_tail(text, dash + 1), &position.seq) != 0 || position.ms >= MAX_MS)
        return -EINVAL;
    *out_position = position;
    return 0;
}

struct gw_str gw_event_position_print(struct gw_event_position position,
                                      char out[GW_EVENT_PLACE_BYTES])
{
    int len =
        snprintf(out, GW_EVENT_PLACE_BYTES, "%" PRIu64 "-%" PRIu64, position.ms, position.seq);

    return gw_str_from(out, (size_t)len);
}

struct gw_event_position gw_event_position_before(struct gw_event_position position)
{
    if (position.seq > 0)
        return (struct gw_event_position){position.ms, position.seq - 1};
    if (position.ms > 0)
        return (struct gw_event_position){position.ms - 1, UINT64_MAX};
    return position;
}

int gw_event_place_parse(struct gw_str text, struct gw_event_place *out_place)
{
    size_t dash = gw_str_find(text, '-');
    struct gw_event_position at;
    uint64_t partition;

    if (dash >= text.len || gw_str_to_u64(gw_str_from(text.ptr, dash), &partition) != 0 ||
        partition >= GW_EVENT_MAX_PARTITIONS ||
        gw_event_position_parse(gw_str_tail(text, dash + 1), &at) != 0)
        return -EINVAL;
    *out_place = (struct gw_event_place){(unsigned)partition, at};
    return 0;
}

struct gw_str gw_event_place_print(const struct gw_event_place *place,
                                   char out[GW_EVENT_PLACE_BYTES])
{
    int len = snprintf(out, GW_EVENT_PLACE_BYTES, "%u-%" PRIu64 "-%" PRIu64, place->partition,
                       place->at.ms, place->at.seq);

    return gw_str_from(out, (size_t)len);
}

/* --- cursors: version, number of partitions, the newest time; of each how much older, and seq ---
 */

static size_t put_number(uint8_t *out, uint64_t number)
{
    size_t len = 0;

    for (; number >= 0x80; number >>= 7)
        out[len++] = (uint8_t)(number | 0x80);
    out[len++] = (uint8_t)number;
    return len;
}

/* False: the bytes end before the number does, or it has more than 64 bits or needless ones. */
static bool take_number(const uint8_t **bytes, const uint8_t *end, uint64_t *out_number)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && *bytes < end; shift += 7) {
        uint8_t byte = *(*bytes)++;
        if (shift == 63 && byte > 1)
            return false;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_number = number;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

struct gw_str gw_event_cursor_print(const struct gw_event_position *positions, unsigned partitions,
                                    char out[GW_EVENT_CURSOR_BYTES])
{
    uint8_t raw[MAX_RAW_BYTES] = {VERSION, (uint8_t)partitions};
    uint64_t newest_ms = 0;
    size_t len = 2;

    for (unsigned i = 0; i < partitions; i++)
        newest_ms = positions[i].ms > newest_ms ? positions[i].ms : newest_ms;
    len += put_number(raw + len, newest_ms);
    for (unsigned i = 0; i < partitions; i++) {
        len += put_number(raw + len, newest_ms - positions[i].ms);
        len += put_number(raw + len, positions[i].seq);
    }
    gw_base64url_encode(raw, len, out);
    out[gw_base64url_encoded_len(len)] = '\0';
    return gw_str_from(out, gw_base64url_encoded_len(len));
}

int gw_event_cursor_parse(struct gw_str text, unsigned partitions,
                          struct gw_event_position *positions)
{
    struct gw_event_position read[GW_EVENT_MAX_PARTITIONS];
    uint8_t raw[GW_EVENT_CURSOR_BYTES];
    uint64_t newest_ms, less_ms;

    if (text.len >= GW_EVENT_CURSOR_BYTES || gw_base64url_decode(text, raw) != 0)
        return -EINVAL;
    const uint8_t *at = raw + 2, *end = raw + gw_base64url_decoded_bytes(text.len);
    if (end < at || raw[0] != VERSION || raw[1] != partitions ||
        !take_number(&at, end, &newest_ms) || newest_ms >= MAX_MS)
        return -EINVAL;
    for (unsigned i = 0; i < partitions; i++) {
        if (!take_number(&at, end, &less_ms) || less_ms > newest_ms ||
            !take_number(&at, end, &read[i].seq))
            return -EINVAL;
        read[i].ms = newest_ms - less_ms;
    }
    if (at != end)
        return -EINVAL;
    memcpy(positions, read, partitions * sizeof(*positions));
    return 0;
}
