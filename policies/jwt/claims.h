/* The claims of a token (RFC 7519, section 4): read once, judged on every request.
 *
 * What was read is one block of memory without pointers into elsewhere, so that a cache can keep it
 * and copy it. Pure but for the arena; the time is given. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/jwt/jose.h"
#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

#define CLAIMS_NO_TIME INT64_MIN

struct claims_span {
    uint32_t at, len; /* within `bytes` */
};

struct claims {
    size_t size;       /* of all: this struct and what follows it */
    int64_t expires_s; /* since 1970, rounded to the strict side; CLAIMS_NO_TIME: absent */
    int64_t not_before_s;
    int64_t issued_s;
    struct claims_span payload; /* JSON text */
    struct claims_span issuer;
    struct claims_span subject;
    struct claims_span id;        /* jti; empty: absent */
    struct claims_span scopes;    /* separated by single spaces */
    struct claims_span audiences; /* each: uint32_t length, then the bytes */
    /* cnf (RFC 7800): the object's JSON text, within the payload; empty: absent */
    struct claims_span confirmation;
    enum jose_type type;
    char bytes[];
};

/* How an issuer's tokens are read. */
struct claims_form {
    struct gw_str scope_claim; /* empty: "scope", or else "scp" */
    const struct gw_str *required;
    size_t required_count;
    bool client_is_subject; /* client_id stands for a sub that is missing */
};

/* What must hold. All strings are compared exactly. */
struct claims_rules {
    struct gw_str issuer;           /* empty: any */
    const struct gw_str *audiences; /* one of them must be the token's */
    size_t audience_count;          /* 0: any */
    enum jose_type type;            /* JOSE_TYPE_NONE: any */
    bool needs_expiry;
    int64_t leeway_s;
};

/* Reads `payload`; the result lies in the arena. Every name that stands twice, anywhere, is
 * refused, and so is a date outside the years 1970 to 9999 (a sign of milliseconds). */
GW_MUST_CHECK
enum jose_verdict claims_read(struct gw_arena *arena, struct gw_str payload, enum jose_type type,
                              const struct claims_form *form, const struct claims **out_claims);

GW_MUST_CHECK
enum jose_verdict claims_check(const struct claims *claims, const struct claims_rules *rules,
                               int64_t now_s);

/* Valid as long as the claims are. */
static inline struct gw_str claims_text(const struct claims *claims, struct claims_span span)
{
    return gw_str_from(claims->bytes + span.at, span.len);
}
