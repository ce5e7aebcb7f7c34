#include "print.h"

#include <errno.h>

#include "server/core/buf.h"
#include "server/crypto/digest.h"
#include "server/http/exchange.h"

#define MAX_BYTES ((size_t)128 * 1024)

static void append_lower(struct gw_buf *text, struct gw_str value)
{
    gw_buf_printf(text, "%zu:", value.len);
    for (size_t i = 0; i < value.len; i++) {
        char byte = value.ptr[i];
        gw_buf_append_byte(text, byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte);
    }
}

/* The length goes first, so that no two lists of parts make the same text. */
static void append_part(struct gw_buf *text, struct gw_str part)
{
    gw_buf_printf(text, "%zu:", part.len);
    gw_buf_append_str(text, part);
}

static struct gw_str field(const struct gw_exchange *ex, struct gw_str name)
{
    const struct gw_str *value = gw_request_field(ex, name);

    return value == NULL ? GW_STR("") : gw_str_trim(*value);
}

int print_make(const struct gw_exchange *ex, char out[PRINT_BYTES])
{
    struct gw_str type = field(ex, GW_STR("content-type"));
    struct gw_buf text;
    char body[PRINT_BYTES];

    type.len = gw_str_find(type, ';');
    gw_digest_hex(GW_SHA256, ex->request.body, body);
    gw_buf_init(&text, MAX_BYTES);
    append_part(&text, ex->request.method_name);
    append_part(&text, ex->request.target);
    append_part(&text, ex->identity.consumer);
    append_lower(&text, gw_str_trim(type));
    append_lower(&text, field(ex, GW_STR("content-encoding")));
    gw_buf_append_text(&text, body);
    int rc = text.has_failed ? -ENOMEM : 0;
    if (rc == 0)
        gw_digest_hex(GW_SHA256, gw_buf_str(&text), out);
    gw_buf_finish(&text);
    return rc;
}
