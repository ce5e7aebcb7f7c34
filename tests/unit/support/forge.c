#include "tests/unit/support/forge.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/crypto/base64url.h"
#include "server/crypto/mac.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void append_encoded(struct gw_buf *out, struct gw_str bytes)
{
    size_t len = gw_base64url_encoded_len(bytes.len);
    char *room = gw_buf_reserve(out, len + 1);

    check(room != NULL);
    gw_base64url_encode((const uint8_t *)bytes.ptr, bytes.len, room);
    out->len += len;
}

void forge_init(struct forge *forge, enum gw_signature_alg alg)
{
    struct gw_buf jwk;

    forge->alg = alg;
    check(gw_keypair_generate(alg, &forge->pair) == 0);
    check(gw_keypair_kid(forge->pair, forge->kid) == 0);
    gw_buf_init(&jwk, sizeof(forge->jwks));
    check(gw_keypair_to_jwk(forge->pair, &jwk) == 0);
    snprintf(forge->jwks, sizeof(forge->jwks), "{\"keys\":[%.*s]}", GW_STR_ARG(gw_buf_str(&jwk)));
    gw_buf_finish(&jwk);
}

void forge_finish(struct forge *forge)
{
    gw_keypair_destroy(forge->pair);
}

static void begin(struct gw_buf *out, const char *header, const char *payload)
{
    gw_buf_init(out, 1 << 24);
    append_encoded(out, gw_str_of(header));
    gw_buf_append_byte(out, '.');
    append_encoded(out, gw_str_of(payload));
}

static char *end(struct gw_buf *out, struct gw_str signature)
{
    gw_buf_append_byte(out, '.');
    append_encoded(out, signature);
    gw_buf_append_byte(out, '\0');
    check(!out->has_failed);
    return out->ptr;
}

char *forge_token(struct forge *forge, const char *header, const char *payload)
{
    struct gw_buf out, signature;
    char default_header[256];

    snprintf(default_header, sizeof(default_header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
             gw_signature_alg_name(forge->alg), forge->kid);
    begin(&out, header != NULL ? header : default_header, payload);
    gw_buf_init(&signature, 2048);
    check(gw_keypair_sign(forge->pair, gw_buf_str(&out), &signature) == 0);
    char *token = end(&out, gw_buf_str(&signature));
    gw_buf_finish(&signature);
    return token;
}

char *forge_mac_token(struct gw_str secret, enum gw_digest digest, const char *header,
                      const char *payload)
{
    uint8_t mac[GW_DIGEST_MAX_BYTES];
    struct gw_buf out;

    begin(&out, header, payload);
    check(gw_mac_compute(digest, secret, gw_buf_str(&out), mac) == 0);
    return end(&out, gw_str_from((const char *)mac, gw_digest_bytes(digest)));
}
