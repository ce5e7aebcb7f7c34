#include "server/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int gw_address_parse(struct gw_str text, struct gw_address *out_address)
{
    char copy[INET6_ADDRSTRLEN];
    struct gw_address address = {0};

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len) != NULL)
        return -EINVAL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.len = sizeof(address.v4);
    } else if (inet_pton(AF_INET6, copy, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.len = sizeof(address.v6);
    } else {
        return -EINVAL;
    }
    *out_address = address;
    return 0;
}

static uint32_t read_u32(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_v4_forbidden(uint32_t ip)
{
    return ip >> 24 == 0                    /* 0.0.0.0/8: "this host" */
           || ip >> 16 == (169U << 8 | 254) /* 169.254.0.0/16: link-local, metadata */
           || ip == (100U << 24 | 100 << 16 | 100 << 8 | 200) /* metadata at one cloud */
           || ip >> 28 >= 0xe; /* 224.0.0.0/4 multicast, 240.0.0.0/4 reserved, broadcast */
}

static bool is_v6_forbidden(const uint8_t ip[16])
{
    static const uint8_t zeros[16] = {0};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t metadata[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
    static const uint8_t loopback[16] = {[15] = 1};

    if (memcmp(ip, loopback, 16) == 0)
        return false;
    if (memcmp(ip, mapped, 12) == 0 || memcmp(ip, nat64, 12) == 0 || memcmp(ip, zeros, 12) == 0)
        return is_v4_forbidden(read_u32(ip + 12)); /* the last also covers the unspecified one */
    if (ip[0] == 0x20 && ip[1] == 0x02)            /* 6to4 */
        return is_v4_forbidden(read_u32(ip + 2));
    return (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) /* fe80::/10: link-local */
           || ip[0] == 0xff                          /* multicast */
           || memcmp(ip, metadata, 16) == 0;
}

bool gw_address_is_forbidden(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return is_v4_forbidden(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return is_v6_forbidden(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
    return true;
}

bool gw_address_equal(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *left = (const struct sockaddr_in *)a;
        const struct sockaddr_in *right = (const struct sockaddr_in *)b;

        return left->sin_port == right->sin_port && left->sin_addr.s_addr == right->sin_addr.s_addr;
    }
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *left = (const struct sockaddr_in6 *)a;
        const struct sockaddr_in6 *right = (const struct sockaddr_in6 *)b;

        return left->sin6_port == right->sin6_port &&
               memcmp(&left->sin6_addr, &right->sin6_addr, sizeof(left->sin6_addr)) == 0;
    }
    return false;
}

void gw_address_format(const struct sockaddr *address, char out[GW_ADDRESS_TEXT_BYTES])
{
    char ip[INET6_ADDRSTRLEN] = "?";

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
        snprintf(out, GW_ADDRESS_TEXT_BYTES, "%s:%u", ip, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
        snprintf(out, GW_ADDRESS_TEXT_BYTES, "[%s]:%u", ip, ntohs(v6->sin6_port));
    } else {
        snprintf(out, GW_ADDRESS_TEXT_BYTES, "an address of family %d", address->sa_family);
    }
}
