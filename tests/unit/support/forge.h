/* Tokens for tests: any header and payload, signed by a key of the test's own. */
#pragma once

#include "server/crypto/digest.h"
#include "server/crypto/keypair.h"

struct forge {
    struct gw_keypair *pair;
    enum gw_signature_alg alg;
    char kid[GW_KID_LEN + 1];
    char jwks[4096]; /* the public half, as a set */
};

void forge_init(struct forge *forge, enum gw_signature_alg alg);
void forge_finish(struct forge *forge);

/* A compact JWS; header NULL: alg and kid of the forge. Free it. */
char *forge_token(struct forge *forge, const char *header, const char *payload);

/* `header`.`payload`.MAC under `secret`, encoded. Free it. */
char *forge_mac_token(struct gw_str secret, enum gw_digest digest, const char *header,
                      const char *payload);
