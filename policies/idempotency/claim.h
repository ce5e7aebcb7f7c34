/* One exchange's claim on a key, and the words by which it is written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "print.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/store/keyed_record.h"
#include "server/store/record.h"

struct gw_exchange;

#define CLAIM_NUMBER_BYTES 24

struct claim {
    struct gw_str name; /* of the record */
    struct gw_str begin_args[GW_KEYED_BEGIN_ARGS];
    struct gw_str end_args[GW_KEYED_END_ARGS];
    uint8_t digest[GW_KEYED_DIGEST_BYTES];
    char name_text[GW_KEYED_NAME_BYTES];
    char print[PRINT_BYTES];
    char claim_ms[CLAIM_NUMBER_BYTES], ttl_ms[CLAIM_NUMBER_BYTES], fence[CLAIM_NUMBER_BYTES];
};

struct claim_times {
    uint64_t claim_ns, ttl_ns;
};

/* Makes name and words of a request whose body is there. 0, or -ENOMEM. */
GW_MUST_CHECK
int claim_prepare(struct claim *claim, struct gw_exchange *ex, struct gw_str key,
                  const struct claim_times *times);

/* The claim is ours, under that number. */
void claim_set_fence(struct claim *claim, int64_t fence);

/* Sets the words of its end: "answered", "unknown", "released". */
void claim_set_end(struct claim *claim, struct gw_str what, struct gw_str answer);

/* The key for a backend of class A: a UUID (RFC 9562, version 8) made of the digest, so that two
 * consumers who choose the same key do not meet there. In the arena; ptr NULL without memory. */
struct gw_str claim_backend_key(const struct claim *claim, struct gw_exchange *ex, bool is_bare);
