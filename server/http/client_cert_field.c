#include "server/http/client_cert_field.h"

#include <errno.h>

#include "server/crypto/base64url.h"

/* Without the padding, which is whole or not there at all. */
static int drop_padding(struct gw_str *text)
{
    size_t padding = 0;

    while (text->len > 0 && padding < 2 && text->ptr[text->len - 1] == '=') {
        text->len--;
        padding++;
    }
    return padding == 0 || (text->len + padding) % 4 == 0 ? 0 : -EINVAL;
}

/* From the alphabet of RFC 4648, section 4, to that of section 5, which must not be there. */
static int to_base64url(struct gw_str text, char *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '-' || c == '_')
            return -EINVAL;
        out[i] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    return 0;
}

int gw_client_cert_field_read(struct gw_arena *arena, struct gw_str value, struct gw_str *out_der)
{
    struct gw_str text = gw_str_trim(value);

    if (text.len < 3 || text.ptr[0] != ':' || text.ptr[text.len - 1] != ':')
        return -EINVAL;
    text = gw_str_from(text.ptr + 1, text.len - 2);
    if (drop_padding(&text) != 0 || text.len == 0 ||
        gw_base64url_decoded_bytes(text.len) > GW_CLIENT_CERT_MAX_BYTES)
        return -EINVAL;
    char *copy = gw_arena_alloc(arena, text.len);
    uint8_t *der = gw_arena_alloc(arena, gw_base64url_decoded_bytes(text.len));
    if (copy == NULL || der == NULL)
        return -ENOMEM;
    if (to_base64url(text, copy) != 0 || gw_base64url_decode(gw_str_from(copy, text.len), der) != 0)
        return -EINVAL;
    *out_der = gw_str_from((const char *)der, gw_base64url_decoded_bytes(text.len));
    return 0;
}
