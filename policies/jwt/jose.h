/* Compact JWS (RFC 7515, section 7.1): taken apart, and its header judged by RFC 8725.
 *
 * Pure but for the arena: no keys, no clock. Nothing here says that a token is genuine. What a
 * header says about keys (jwk, jku, x5u, x5c) is never looked at; only kid is, as a name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/crypto/signature.h"

/* Why a token is refused. */
enum jose_verdict {
    JOSE_OK,
    JOSE_TOO_LONG,
    JOSE_MALFORMED, /* not three parts of base64url, or the header is no JSON object */
    JOSE_ENCRYPTED, /* a JWE */
    JOSE_NESTED,
    JOSE_DUPLICATE_NAME,
    JOSE_ALG_UNKNOWN, /* none, too */
    JOSE_ALG_NOT_ALLOWED,
    JOSE_CRITICAL, /* crit, or b64 is false */
    JOSE_KEY_UNKNOWN,
    JOSE_KEYS_ABSENT, /* the issuer's keys are not known: nothing can be said of the token */
    JOSE_BAD_SIGNATURE,
    JOSE_TOO_MANY_FAILURES, /* from where it comes: it was not verified */
    JOSE_CLAIMS_MALFORMED,
    JOSE_CLAIM_MISSING,
    JOSE_ISSUER,
    JOSE_AUDIENCE,
    JOSE_TYPE,
    JOSE_EXPIRED,
    JOSE_NOT_YET,
    JOSE_REVOKED,
    JOSE_NOT_BOUND,         /* to a certificate, as its issuer's tokens must be */
    JOSE_OTHER_CERTIFICATE, /* than the one it is bound to, or none */
    JOSE_INACTIVE,          /* its issuer says so */
    JOSE_NOT_ASKED, /* its issuer has to be asked, or cannot be: nothing can be said of the token */
    JOSE_NO_MEMORY,
    JOSE_VERDICT_COUNT,
};

struct gw_json_tape;

/* A sentence for the caller: plain ASCII without quotes (RFC 6750, section 3), no inner detail. */
const char *jose_verdict_text(enum jose_verdict verdict);

/* The header's typ (RFC 7515, section 4.1.9), as far as we tell them apart. */
enum jose_type { JOSE_TYPE_NONE, JOSE_TYPE_JWT, JOSE_TYPE_AT_JWT, JOSE_TYPE_DPOP, JOSE_TYPE_OTHER };

/* Strings point into the text or the arena. */
struct jose_token {
    struct gw_str signed_text; /* header.payload, as signed */
    struct gw_str header;      /* decoded */
    struct gw_str payload;
    struct gw_str signature;
    struct gw_str kid; /* ptr NULL: none */
    enum gw_signature_alg alg;
    enum jose_type type;
};

/* The string of that member of the tape's object; ptr NULL if it is absent. False if it is
 * something else. */
bool jose_get_string(const struct gw_json_tape *tape, struct gw_str name, struct gw_str *out);

/* JOSE_OK, or why not: then *out_token is untouched. */
GW_MUST_CHECK
enum jose_verdict jose_read(struct gw_arena *arena, struct gw_str text, size_t max_bytes,
                            struct jose_token *out_token);
