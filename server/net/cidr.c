#include "server/net/cidr.h"

#include <errno.h>
#include <string.h>

#include "server/net/address.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool spread(const struct sockaddr *address, uint8_t out[16])
{
    if (address->sa_family == AF_INET) {
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
        memcpy(out + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    return true;
}

static bool is_mapped(const uint8_t ip[16])
{
    return memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static bool has_bits_behind(const uint8_t ip[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if ((ip[i / 8] >> (7 - i % 8) & 1) != 0)
            return true;
    }
    return false;
}

int gw_cidr_parse(struct gw_str text, struct gw_cidr *out_cidr)
{
    struct gw_str rest = text, literal;
    struct gw_address address;
    struct gw_cidr cidr = {0};
    uint64_t bits;

    if (!gw_str_split(&rest, '/', &literal) || gw_address_parse(literal, &address) != 0 ||
        !spread(&address.any, cidr.network))
        return -EINVAL;
    unsigned own_bits = address.any.sa_family == AF_INET ? 32 : 128;
    bits = own_bits;
    if (literal.len < text.len && (gw_str_to_u64(rest, &bits) != 0 || rest.len > 3))
        return -EINVAL;
    if (bits > own_bits)
        return -EINVAL;
    cidr.bits = (unsigned)bits + 128 - own_bits;
    cidr.is_v4 = cidr.bits >= 96 && is_mapped(cidr.network);
    if (has_bits_behind(cidr.network, cidr.bits))
        return -EINVAL;
    *out_cidr = cidr;
    return 0;
}

bool gw_cidr_has(const struct gw_cidr *cidr, const struct sockaddr *address)
{
    uint8_t ip[16];

    if (!spread(address, ip) || is_mapped(ip) != cidr->is_v4)
        return false;
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
    if (memcmp(ip, cidr->network, whole) != 0)
        return false;
    return rest == 0 || (ip[whole] ^ cidr->network[whole]) >> (8 - rest) == 0;
}

bool gw_cidr_any_has(const struct gw_cidr *cidrs, size_t count, const struct sockaddr *address)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_cidr_has(&cidrs[i], address))
            return true;
    }
    return false;
}
