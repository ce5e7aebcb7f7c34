/* Addresses, URLs and namespace patterns as they are written in a configuration. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "server/gateway/config_private.h"

#define MAX_HOST_BYTES 253 /* RFC 1035, section 2.3.4, as text */

/* --- addresses to listen on ----------------------------------------------------------------- */

static int parse_port(struct gw_str text, uint16_t *out_port)
{
    uint64_t port;

    if (gw_str_to_u64(text, &port) != 0 || port > UINT16_MAX)
        return -EINVAL;
    *out_port = (uint16_t)port;
    return 0;
}

/* Splits at the last colon; brackets around an IPv6 address must be there and are taken off. */
static int split_host_port(struct gw_str text, struct gw_str *out_host, struct gw_str *out_port)
{
    size_t colon = text.len;

    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return -EINVAL;

    struct gw_str host = gw_str_from(text.ptr, colon - 1);
    bool has_brackets = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (has_brackets)
        host = gw_str_from(host.ptr + 1, host.len - 2);
    if (host.len == 0 || has_brackets != (gw_str_find(host, ':') < host.len))
        return -EINVAL;
    *out_host = host;
    *out_port = gw_str_tail(text, colon);
    return 0;
}

static int parse_literal(struct gw_str host, uint16_t port, struct gw_config_address *address)
{
    char literal[INET6_ADDRSTRLEN];
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->address;

    if (host.len >= sizeof(literal))
        return -EINVAL;
    memcpy(literal, host.ptr, host.len);
    literal[host.len] = '\0';
    if (inet_pton(AF_INET, literal, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        address->address_len = sizeof(*v4);
        address->is_loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
        return 0;
    }
    if (inet_pton(AF_INET6, literal, &v6->sin6_addr) != 1)
        return -EINVAL;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address->address_len = sizeof(*v6);
    address->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    return 0;
}

int gw_config_address_parse(struct gw_str text, struct gw_config_address *out_address)
{
    struct gw_config_address address = {.text = text};
    struct gw_str host, port_text;
    uint16_t port;
    int rc = split_host_port(text, &host, &port_text);

    if (rc == 0)
        rc = parse_port(port_text, &port);
    if (rc != 0)
        return rc;
    address.is_any_family = gw_str_equal(host, GW_STR("*"));
    rc = parse_literal(address.is_any_family ? GW_STR("::") : host, port, &address);
    if (rc == 0)
        *out_address = address;
    return rc;
}

/* --- URLs ------------------------------------------------------------------------------------- */

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_';
}

static bool is_host_name(struct gw_str host)
{
    if (host.len == 0 || host.len > MAX_HOST_BYTES || host.ptr[0] == '.' || host.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (!is_name_byte(host.ptr[i]))
            return false;
    return true;
}

static bool is_path_byte(char byte)
{
    return is_name_byte(byte) || (byte != '\0' && strchr("/~!$&'()*+,;=:@%", byte) != NULL);
}

static int parse_authority(struct gw_str authority, struct gw_config_url *url)
{
    struct gw_config_address literal;
    struct gw_str port = {0};
    bool has_brackets = gw_str_has_prefix(authority, GW_STR("["));

    url->host = authority;
    if (!gw_str_has_suffix(authority, GW_STR("]")) && gw_str_find(authority, ':') < authority.len) {
        if (split_host_port(authority, &url->host, &port) != 0 ||
            parse_port(port, &url->port) != 0 || url->port == 0)
            return -EINVAL;
    } else if (has_brackets) {
        if (authority.len < 2 || authority.ptr[authority.len - 1] != ']')
            return -EINVAL;
        url->host = gw_str_from(authority.ptr + 1, authority.len - 2);
    }
    if (!has_brackets)
        return is_host_name(url->host) ? 0 : -EINVAL;
    return parse_literal(url->host, 0, &literal);
}

int gw_config_peer_parse(struct gw_str text, struct gw_str *out_host, uint16_t *out_port)
{
    struct gw_config_url url = {0};

    if (parse_authority(text, &url) != 0 || url.port == 0)
        return -EINVAL;
    *out_host = url.host;
    *out_port = url.port;
    return 0;
}

int gw_config_url_parse(struct gw_str text, struct gw_config_url *out_url, struct gw_error *error)
{
    struct gw_config_url url = {0};
    size_t colon = gw_str_find(text, ':');
    struct gw_str rest = gw_str_tail(text, colon);

    url.scheme = gw_str_from(text.ptr, colon);
    if (!gw_str_has_prefix(rest, GW_STR("://")))
        return gw_error_set(error, -EINVAL, "must be scheme://host:port/path");
    rest = gw_str_tail(rest, 3);
    url.authority = gw_str_from(rest.ptr, gw_str_find(rest, '/'));
    url.path = gw_str_tail(rest, url.authority.len);
    if (gw_str_find(url.authority, '@') < url.authority.len)
        return gw_error_set(error, -EINVAL,
                            "must not hold a user or a password: a URL is shown, a secret is not");
    if (parse_authority(url.authority, &url) != 0)
        return gw_error_set(error, -EINVAL, "has no valid host and port (1 to 65535)");
    for (size_t i = 0; i < url.path.len; i++)
        if (!is_path_byte(url.path.ptr[i]))
            return gw_error_set(error, -EINVAL,
                                "has a path with a byte that must not stand there (a query or a "
                                "fragment has no meaning here)");
    *out_url = url;
    return 0;
}

/* --- namespace patterns ----------------------------------------------------------------------- */

static bool is_segment(struct gw_str segment)
{
    if (segment.len == 0)
        return false;
    for (size_t i = 0; i < segment.len; i++) {
        char byte = segment.ptr[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') && byte != '-' &&
            byte != '_')
            return false;
    }
    return true;
}

bool gw_config_pattern_is_valid(struct gw_str pattern)
{
    struct gw_str layer;

    if (gw_str_equal(pattern, GW_STR("*")))
        return true;
    if (!gw_str_has_prefix(pattern, GW_STR("/")))
        return false;
    struct gw_str rest = gw_str_tail(pattern, 1);
    return gw_str_split(&rest, '/', &layer) && is_segment(layer) &&
           (gw_str_equal(rest, GW_STR("*")) || is_segment(rest));
}

bool gw_grant_matches(struct gw_str pattern, struct gw_str namespace)
{
    if (gw_str_equal(pattern, GW_STR("*")))
        return true;
    if (!gw_str_has_suffix(pattern, GW_STR("/*")))
        return gw_str_equal(pattern, namespace);

    struct gw_str layer = gw_str_from(pattern.ptr, pattern.len - 1); /* with its last "/" */
    struct gw_str name =
        gw_str_tail(namespace, layer.len < namespace.len ? layer.len : namespace.len);
    return gw_str_has_prefix(namespace, layer) && name.len > 0 &&
           gw_str_find(name, '/') == name.len;
}

bool gw_grant_matches_any(const struct gw_str *patterns, size_t count, struct gw_str namespace)
{
    for (size_t i = 0; i < count; i++)
        if (gw_grant_matches(patterns[i], namespace))
            return true;
    return false;
}
