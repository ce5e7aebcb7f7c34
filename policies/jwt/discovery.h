/* Where an issuer's keys are: addresses, and the metadata that names them (OpenID Connect Discovery
 * 1.0, sections 3 and 4; RFC 8414). Pure but for the arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

#define DISCOVERY_MAX_BYTES (256 * 1024)
#define DISCOVERY_MAX_URL_BYTES 2048

/* A URL taken apart; borrows from its text. */
struct discovery_place {
    bool is_tls;
    struct gw_str host; /* without brackets */
    uint16_t port;
    struct gw_str authority; /* for Host */
    struct gw_str target;    /* path and query */
};

/* https, or http to a loopback address or where `allows_http`; with a path, without a fragment.
 * 0, or -EINVAL with a reason that follows the name of what it is about. */
GW_MUST_CHECK
int discovery_place_parse(struct gw_str url, bool allows_http, struct discovery_place *out_place,
                          struct gw_error *error);

/* The two addresses of an issuer's metadata, in the order in which they are asked. */
enum discovery_form {
    DISCOVERY_OPENID, /* <issuer>/.well-known/openid-configuration */
    DISCOVERY_OAUTH,  /* /.well-known/oauth-authorization-server between host and path */
};

/* In the arena; -EINVAL for an issuer that is no URL with a scheme and a host, has a query or a
 * fragment, or is too long; -ENOMEM. */
GW_MUST_CHECK
int discovery_url(struct gw_arena *arena, struct gw_str issuer, enum discovery_form form,
                  struct gw_str *out_url);

/* The jwks_uri of a metadata document, in the arena or the text. Refused if it is not a JSON
 * object, a name stands twice, its issuer is not exactly the one asked (RFC 8414, section 3.3), or
 * an https issuer names keys that are not at https.
 * -EINVAL with a reason, or -ENOMEM. */
GW_MUST_CHECK
int discovery_read(struct gw_arena *arena, struct gw_str text, struct gw_str issuer,
                   struct gw_str *out_jwks_uri, struct gw_error *error);
