#include "policies/jwt/binding.h"

#include <errno.h>

#include "server/crypto/base64url.h"
#include "server/crypto/random.h"
#include "server/crypto/x509.h"
#include "server/json/reader.h"

#define THUMBPRINT_LEN 43 /* base64url of a SHA-256 */

/* The confirmation's x5t#S256; ptr NULL: it has none. */
static enum jose_verdict find_thumbprint(struct gw_arena *arena, struct gw_str confirmation,
                                         struct gw_str *out_text)
{
    struct gw_json_error why;
    struct gw_json_tape tape;

    *out_text = (struct gw_str){0};
    if (confirmation.len == 0)
        return JOSE_OK;
    int rc = gw_json_read(arena, confirmation, NULL, &tape, &why);
    if (rc != 0)
        return rc == -ENOMEM ? JOSE_NO_MEMORY : JOSE_CLAIMS_MALFORMED;
    uint32_t at = gw_json_get(&tape, 0, GW_STR("x5t#S256"));
    if (at == GW_JSON_NONE)
        return JOSE_OK;
    if (gw_json_type(&tape, at) != GW_JSON_STRING ||
        gw_json_string(&tape, at).len != THUMBPRINT_LEN)
        return JOSE_CLAIMS_MALFORMED;
    *out_text = gw_json_string(&tape, at);
    return JOSE_OK;
}

enum jose_verdict binding_check(struct gw_arena *arena, const struct claims *claims,
                                struct gw_str certificate, bool is_required)
{
    uint8_t bound[GW_SHA256_BYTES], shown[GW_SHA256_BYTES];
    struct gw_str text;
    enum jose_verdict verdict =
        find_thumbprint(arena, claims_text(claims, claims->confirmation), &text);

    if (verdict != JOSE_OK)
        return verdict;
    if (text.ptr == NULL)
        return is_required ? JOSE_NOT_BOUND : JOSE_OK;
    if (gw_base64url_decode(text, bound) != 0)
        return JOSE_CLAIMS_MALFORMED;
    if (certificate.len == 0)
        return JOSE_OTHER_CERTIFICATE;
    gw_x509_thumbprint(certificate, shown);
    return gw_secret_equal(gw_str_from((const char *)bound, sizeof(bound)),
                           gw_str_from((const char *)shown, sizeof(shown)))
               ? JOSE_OK
               : JOSE_OTHER_CERTIFICATE;
}
