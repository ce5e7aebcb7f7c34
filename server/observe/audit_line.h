/* One line of the audit: what was done, chained to the line before it.
 *
 *   {"seq":7,"time":"2026-11-23T10:00:00.123Z","instance":"gw1:4711","act":"key.create",
 *    "who":"socket uid
 * 1000","what":"...","outcome":"begun","begun":6,"prev":"<hash>","hash":"<hash>"}
 *
 * On one line; `begun` stands in the line that ends an act. `hash` is the SHA-256, or with a key
 * the HMAC-SHA-256, of all bytes of the line before `,"hash":`, and so of `prev`, too. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/str.h"
#include "server/crypto/digest.h"

#define GW_AUDIT_HASH_LEN ((size_t)2 * GW_SHA256_BYTES)
#define GW_AUDIT_MAX_LINE_BYTES 16384
#define GW_AUDIT_RECOVER "audit.recover" /* the act of a line behind torn bytes */

struct gw_audit_line {
    uint64_t seq;
    struct gw_str time, instance, act, who, what, outcome;
    uint64_t begun; /* seq of the line that began the act; 0: none */
    struct gw_str prev, hash;
};

/* What the first line of all has as `prev`. */
extern const char gw_audit_no_hash[GW_AUDIT_HASH_LEN + 1];

/* Appends the line with its end; `hash` of `line` is not looked at. `key` may be empty. 0, or
 * -ENOMEM. */
GW_MUST_CHECK
int gw_audit_line_print(const struct gw_audit_line *line, struct gw_str key, struct gw_buf *out,
                        char out_hash[GW_AUDIT_HASH_LEN + 1]);

/* Reads a line (without its end) and holds its hash against its bytes. NULL, or what is wrong. The
 * strings lie in the text or the arena. */
GW_MUST_CHECK
const char *gw_audit_line_read(struct gw_arena *arena, struct gw_str text, struct gw_str key,
                               struct gw_audit_line *out_line);

/* What the line of a recovery says of the bytes that it stands behind (their line end included). */
void gw_audit_line_describe_torn(struct gw_str torn, struct gw_buf *out);
