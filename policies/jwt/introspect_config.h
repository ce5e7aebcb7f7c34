/* What an issuer's `introspection` says: where to ask about a token, and what to make of it.
 *
 * What the strings borrow from is the configuration. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/jwt/claims.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/option.h"
#include "server/upstream/form_post.h"

/* What may stand under `introspection`. */
extern const struct gw_option jwt_introspection_options[];

struct introspect_config {
    struct gw_str name;    /* of the issuer */
    const json_t *options; /* all of the issuer's: what makes two equal */
    struct gw_form_place place;
    struct claims_form form; /* owned: see finish */
    uint64_t timeout_ns;
    int64_t cache_s; /* 0: every request asks */
    size_t cache_bytes;
    struct gw_str prefix; /* that its opaque tokens begin with; empty: any */
    bool asks_always;     /* about tokens that are JWTs, too */
    bool needs_audience;
};

/* `options` are all of an issuer's, of which `introspection` is one; they must outlive `config`. 0,
 * -EINVAL with *error, or -ENOMEM; finish is safe in any case. */
GW_MUST_CHECK
int introspect_config_init(struct introspect_config *config, struct gw_str name,
                           const json_t *options, struct gw_error *error);
void introspect_config_finish(struct introspect_config *config);
