#include "policies/jwt/discovery.h"

#include <errno.h>

#include "server/json/reader.h"
#include "server/json/uri.h"
#include "server/net/address.h"

#define MAX_DEPTH 32
#define MAX_HOST_BYTES 253 /* RFC 1035, section 2.3.4, as text */

static bool is_loopback(struct gw_str host)
{
    struct gw_address address;

    if (gw_address_parse(host, &address) != 0)
        return false;
    if (address.any.sa_family == AF_INET)
        return ntohl(address.v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}

static bool is_alnum(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
}

/* A name, or an address; one of IPv6 stands in brackets, which the caller has taken off. */
static bool is_host(struct gw_str host, bool has_brackets)
{
    struct gw_address address;

    if (has_brackets)
        return gw_str_find(host, ':') < host.len && gw_address_parse(host, &address) == 0;
    for (size_t i = 0; i < host.len; i++) {
        if (!is_alnum(host.ptr[i]) && strchr("-._", host.ptr[i]) == NULL)
            return false;
    }
    return host.len > 0 && host.len <= MAX_HOST_BYTES;
}

static bool parse_authority(struct gw_str authority, struct discovery_place *place)
{
    bool has_brackets = gw_str_has_prefix(authority, GW_STR("["));
    size_t end = gw_str_find(authority, has_brackets ? ']' : ':');
    struct gw_str port = gw_str_tail(authority, end);
    uint64_t number;

    place->authority = authority;
    place->host = gw_str_from(authority.ptr + has_brackets, end - has_brackets);
    if (has_brackets && port.len == 0)
        return false;
    if (has_brackets)
        port = gw_str_tail(port, 1);
    if (!is_host(place->host, has_brackets))
        return false;
    if (port.len == 0)
        return true;
    if (port.ptr[0] != ':' || gw_str_to_u64(gw_str_tail(port, 1), &number) != 0 || number == 0 ||
        number > UINT16_MAX)
        return false;
    place->port = (uint16_t)number;
    return true;
}

/* RFC 3986, sections 3.3 and 3.4, but that what follows a percent sign is not looked at. */
static bool is_target(struct gw_str target)
{
    for (size_t i = 0; i < target.len; i++) {
        if (!is_alnum(target.ptr[i]) &&
            (target.ptr[i] == '\0' || strchr("/?-._~!$&'()*+,;=:@%", target.ptr[i]) == NULL))
            return false;
    }
    return target.len > 0 && target.ptr[0] == '/';
}

int discovery_place_parse(struct gw_str url, bool allows_http, struct discovery_place *out_place,
                          struct gw_error *error)
{
    struct gw_uri parts = gw_uri_split(url);
    struct discovery_place place = {.is_tls = gw_str_equal(parts.scheme, GW_STR("https"))};

    if (url.len > DISCOVERY_MAX_URL_BYTES)
        return gw_error_set(error, -EINVAL, "is longer than %d bytes", DISCOVERY_MAX_URL_BYTES);
    if (!place.is_tls && !gw_str_equal(parts.scheme, GW_STR("http")))
        return gw_error_set(error, -EINVAL, "must begin with https://");
    place.port = place.is_tls ? 443 : 80;
    if (parts.authority.ptr == NULL || !parse_authority(parts.authority, &place))
        return gw_error_set(error, -EINVAL, "has no valid host and port (1 to 65535)");
    if (!place.is_tls && !allows_http && !is_loopback(place.host))
        return gw_error_set(error, -EINVAL,
                            "must begin with https:// (only a loopback address may do without, or "
                            "set allow_http)");
    place.target = gw_str_tail(url, (size_t)(parts.path.ptr - url.ptr));
    if (!is_target(place.target))
        return gw_error_set(error, -EINVAL,
                            "has no path, a fragment, or a byte that must not stand there");
    *out_place = place;
    return 0;
}

int discovery_url(struct gw_arena *arena, struct gw_str issuer, enum discovery_form form,
                  struct gw_str *out_url)
{
    struct gw_uri parts = gw_uri_split(issuer);

    if (issuer.len + 64 > DISCOVERY_MAX_URL_BYTES || parts.scheme.ptr == NULL ||
        parts.authority.len == 0 || parts.query.ptr != NULL || parts.fragment.ptr != NULL)
        return -EINVAL;
    struct gw_str path = parts.path;
    if (gw_str_has_suffix(path, GW_STR("/")))
        path.len--;
    struct gw_str root = gw_str_from(issuer.ptr, issuer.len - parts.path.len);
    struct gw_str url =
        form == DISCOVERY_OPENID
            ? gw_arena_printf(arena, "%.*s%.*s/.well-known/openid-configuration", GW_STR_ARG(root),
                              GW_STR_ARG(path))
            : gw_arena_printf(arena, "%.*s/.well-known/oauth-authorization-server%.*s",
                              GW_STR_ARG(root), GW_STR_ARG(path));
    if (url.ptr == NULL)
        return -ENOMEM;
    *out_url = url;
    return 0;
}

static bool read_member(const struct gw_json_tape *tape, struct gw_str name, struct gw_str *out)
{
    uint32_t at = gw_json_get(tape, 0, name);

    if (at == GW_JSON_NONE || gw_json_type(tape, at) != GW_JSON_STRING)
        return false;
    *out = gw_json_string(tape, at);
    return true;
}

int discovery_read(struct gw_arena *arena, struct gw_str text, struct gw_str issuer,
                   struct gw_str *out_jwks_uri, struct gw_error *error)
{
    const struct gw_json_limits limits = {DISCOVERY_MAX_BYTES, MAX_DEPTH};
    struct gw_json_error where;
    struct gw_json_tape tape;
    struct gw_str said, uri;
    int rc = gw_json_read(arena, text, &limits, &tape, &where);

    if (rc == -ENOMEM)
        return gw_error_set(error, rc, "no memory");
    if (rc != 0 || gw_json_type(&tape, 0) != GW_JSON_OBJECT)
        return gw_error_set(error, -EINVAL, "the metadata is not a JSON object");
    if (tape.has_duplicates)
        return gw_error_set(error, -EINVAL, "a name stands twice in the metadata");
    if (!read_member(&tape, GW_STR("issuer"), &said) || !gw_str_equal(said, issuer))
        return gw_error_set(error, -EINVAL, "the metadata is of another issuer");
    if (!read_member(&tape, GW_STR("jwks_uri"), &uri))
        return gw_error_set(error, -EINVAL, "the metadata has no jwks_uri");
    /* A metadata document must not point the gateway at what listens on its own machine. */
    if (gw_str_has_prefix_nocase(issuer, GW_STR("https://")) &&
        !gw_str_has_prefix_nocase(uri, GW_STR("https://")))
        return gw_error_set(error, -EINVAL, "jwks_uri is not https, as its issuer is");
    *out_jwks_uri = uri;
    return 0;
}
