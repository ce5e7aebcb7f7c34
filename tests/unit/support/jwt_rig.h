/* The jwt policy on an exchange in memory: two issuers, and requests that show a token. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "forge.h"
#include "policies/jwt/jwt.h"
#include "server/contract/operation.h"

#define JWT_NOW_S 1800000000

/* Claims of the issuer `plant`, and what makes them good. */
#define JWT_CLAIMS(rest) \
    "{\"iss\":\"https://plant.example\",\"sub\":\"line-7\",\"aud\":\"millgate\"" rest "}"
#define JWT_GOOD ",\"exp\":1800000100,\"scope\":\"stock.read  other\""

struct jwt_rig {
    struct forge plant, supplier; /* of the second, ES256 */
    json_t *config;               /* may be changed before jwt_rig_create() */
    void *policy;
    struct gw_exchange ex; /* of the last request */
};

/* Wants a token of `plant`; one alternative. */
extern const struct gw_security_alternative jwt_for_plant[1];

/* Of a whole program: the keys. */
void jwt_rig_start(struct jwt_rig *rig);
void jwt_rig_stop(struct jwt_rig *rig);
/* Of one test: the configuration; and what was created of it. */
void jwt_rig_open(struct jwt_rig *rig);
void jwt_rig_close(struct jwt_rig *rig);
void jwt_rig_create(struct jwt_rig *rig);

json_t *jwt_rig_issuer(const char *issuer, const char *jwks);

/* A request to an operation; its arena is to be finished. */
void jwt_rig_begin(struct jwt_rig *rig, const struct gw_security_alternative *security,
                   size_t count, struct gw_operation *operation);
/* The same with `token` (NULL: none). */
enum gw_verdict jwt_rig_ask(struct jwt_rig *rig, const struct gw_security_alternative *security,
                            size_t count, const char *token);
void jwt_rig_is_challenged(const struct jwt_rig *rig, int status, const char *needle);
/* Asks twice, so that the cache's answer is the same as the first. */
void jwt_rig_refuses(struct jwt_rig *rig, const char *token, const char *why);
