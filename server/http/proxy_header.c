#include "server/http/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>

#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define FAMILY_UNSPEC 0x00
#define FAMILY_V4 0x1 /* the high half of the byte; the low one is the transport */
#define FAMILY_V6 0x2
#define TRANSPORT_STREAM 0x1
#define TRANSPORT_DGRAM 0x2 /* to the balancer, with HTTP/3 */
#define V4_BLOCK_BYTES 12
#define V6_BLOCK_BYTES 36
#define TLV_HEAD_BYTES 3
#define TLV_CRC32C 0x03
#define CRC_BYTES 4

static const struct gw_str v1_start = GW_STR_INIT("PROXY ");
static const struct gw_str v2_start = GW_STR_INIT("\r\n\r\n\0\r\nQUIT\n");

/* As much of `start` as there can be. */
static bool may_start_with(struct gw_str bytes, struct gw_str start)
{
    size_t len = bytes.len < start.len ? bytes.len : start.len;
    return memcmp(bytes.ptr, start.ptr, len) == 0;
}

/* --- version 1: a line of text --- */

static int read_port(struct gw_str text, in_port_t *out_port)
{
    uint64_t port;

    if (gw_str_to_u64(text, &port) != 0 || port > UINT16_MAX || text.len > 5 ||
        (text.len > 1 && text.ptr[0] == '0'))
        return -EINVAL;
    *out_port = htons((uint16_t)port);
    return 0;
}

static int read_end(int family, struct gw_str ip, struct gw_str port, struct gw_address *out_end)
{
    struct gw_address end = {0};
    in_port_t number;

    if (gw_address_parse(ip, &end) != 0 || end.any.sa_family != family ||
        read_port(port, &number) != 0)
        return -EINVAL;
    if (family == AF_INET)
        end.v4.sin_port = number;
    else
        end.v6.sin6_port = number;
    *out_end = end;
    return 0;
}

static int read_v1_line(struct gw_str line, struct gw_proxy_header *out_header)
{
    struct gw_str rest = gw_str_tail(line, v1_start.len), word[5];
    struct gw_proxy_header header = {.has_source = true};
    struct gw_address destination;
    size_t count = 0;

    if (gw_str_equal(rest, GW_STR("UNKNOWN")) || gw_str_has_prefix(rest, GW_STR("UNKNOWN "))) {
        *out_header = (struct gw_proxy_header){0};
        return 0;
    }
    while (count < GW_COUNT_OF(word) && gw_str_split(&rest, ' ', &word[count]))
        count++;
    if (count < GW_COUNT_OF(word) || rest.ptr != NULL)
        return -EINVAL;
    int family = gw_str_equal(word[0], GW_STR("TCP4"))   ? AF_INET
                 : gw_str_equal(word[0], GW_STR("TCP6")) ? AF_INET6
                                                         : AF_UNSPEC;
    if (family == AF_UNSPEC || read_end(family, word[1], word[3], &header.source) != 0 ||
        read_end(family, word[2], word[4], &destination) != 0)
        return -EINVAL;
    *out_header = header;
    return 0;
}

static int read_v1(struct gw_str bytes, struct gw_proxy_header *out_header)
{
    size_t end = gw_str_find(bytes, '\n');

    if (end >= GW_PROXY_V1_MAX_BYTES)
        return -EINVAL;
    size_t return_at = gw_str_find(bytes, '\r');
    if (end == bytes.len) /* a line that is not over: its return, if there, is the last byte */
        return bytes.len >= GW_PROXY_V1_MAX_BYTES || return_at + 1 < bytes.len ? -EINVAL : 0;
    if (return_at + 1 != end)
        return -EINVAL;
    if (read_v1_line(gw_str_from(bytes.ptr, return_at), out_header) != 0)
        return -EINVAL;
    return (int)end + 1;
}

/* --- version 2: binary --- */

static size_t read_u16(const char *at)
{
    return (size_t)(uint8_t)at[0] << 8 | (uint8_t)at[1];
}

/* Castagnoli's polynomial, reflected (RFC 9260, appendix A); the CRC's own bytes count as zeroes. A
 * header is short and seldom has one, so bit by bit is enough. */
static uint32_t crc32c_without(struct gw_str bytes, size_t crc_at)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes.len; i++) {
        bool is_own = i >= crc_at && i < crc_at + CRC_BYTES;
        crc ^= is_own ? 0 : (uint8_t)bytes.ptr[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static bool has_crc(struct gw_str bytes, size_t crc_at)
{
    uint32_t crc =
        (uint32_t)read_u16(bytes.ptr + crc_at) << 16 | (uint32_t)read_u16(bytes.ptr + crc_at + 2);
    return crc == crc32c_without(bytes, crc_at);
}

/* What is told beyond the addresses: passed over, but it must be whole, and a CRC right. */
static bool are_tlvs_good(struct gw_str header, size_t at)
{
    size_t crc_at = 0;

    while (at < header.len) {
        if (header.len - at < TLV_HEAD_BYTES)
            return false;
        uint8_t type = (uint8_t)header.ptr[at];
        size_t len = read_u16(header.ptr + at + 1);
        at += TLV_HEAD_BYTES;
        if (len > header.len - at)
            return false;
        if (type == TLV_CRC32C) {
            if (len != CRC_BYTES || crc_at != 0)
                return false;
            crc_at = at;
        }
        at += len;
    }
    return crc_at == 0 || has_crc(header, crc_at);
}

static int read_v2_addresses(struct gw_str header, uint8_t family,
                             struct gw_proxy_header *out_header)
{
    const char *block = header.ptr + GW_PROXY_V2_HEAD_BYTES;
    size_t block_bytes = header.len - GW_PROXY_V2_HEAD_BYTES;
    struct gw_proxy_header result = {.has_source = true};
    struct gw_address *source = &result.source;
    size_t own_bytes = family >> 4 == FAMILY_V4 ? V4_BLOCK_BYTES : V6_BLOCK_BYTES;

    if (block_bytes < own_bytes || !are_tlvs_good(header, GW_PROXY_V2_HEAD_BYTES + own_bytes))
        return -EINVAL;
    if (family >> 4 == FAMILY_V4) {
        source->len = sizeof(source->v4);
        source->v4.sin_family = AF_INET;
        memcpy(&source->v4.sin_addr, block, 4);
        memcpy(&source->v4.sin_port, block + 8, 2);
    } else {
        source->len = sizeof(source->v6);
        source->v6.sin6_family = AF_INET6;
        memcpy(&source->v6.sin6_addr, block, 16);
        memcpy(&source->v6.sin6_port, block + 32, 2);
    }
    *out_header = result;
    return 0;
}

static bool is_family(uint8_t family)
{
    unsigned transport = family & 0xf;

    return (family >> 4 == FAMILY_V4 || family >> 4 == FAMILY_V6) &&
           (transport == TRANSPORT_STREAM || transport == TRANSPORT_DGRAM);
}

static int read_v2(struct gw_str bytes, struct gw_proxy_header *out_header)
{
    const uint8_t *head = (const uint8_t *)bytes.ptr;
    bool is_local = bytes.len > 12 && head[12] == COMMAND_LOCAL;

    /* As soon as a byte is there, so that nobody is waited for in vain. */
    if (bytes.len > 12 && !is_local && head[12] != COMMAND_PROXY)
        return -EINVAL;
    if (bytes.len > 13 && !is_local && head[13] != FAMILY_UNSPEC && !is_family(head[13]))
        return -EINVAL;
    if (bytes.len < GW_PROXY_V2_HEAD_BYTES)
        return 0;
    size_t block_bytes = read_u16(bytes.ptr + 14);
    if (block_bytes > GW_PROXY_V2_BLOCK_MAX_BYTES)
        return -EINVAL;
    if (bytes.len < GW_PROXY_V2_HEAD_BYTES + block_bytes)
        return 0;
    struct gw_str header = gw_str_from(bytes.ptr, GW_PROXY_V2_HEAD_BYTES + block_bytes);
    if (is_local || head[13] == FAMILY_UNSPEC) /* the block means nothing then (section 2.2) */
        *out_header = (struct gw_proxy_header){0};
    else if (read_v2_addresses(header, head[13], out_header) != 0)
        return -EINVAL;
    return (int)header.len;
}

int gw_proxy_header_read(struct gw_str bytes, struct gw_proxy_header *out_header)
{
    if (bytes.len == 0)
        return 0;
    if (may_start_with(bytes, v2_start))
        return read_v2(bytes, out_header);
    return may_start_with(bytes, v1_start) ? read_v1(bytes, out_header) : -EINVAL;
}
