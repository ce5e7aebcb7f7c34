/* The audit: who has administered this gateway, and how, in a file that shows whether it was
 * changed.
 *
 * Each act is two lines: one when it begins, on the disk before anything is done, and one with its
 * outcome, on the disk before the answer leaves. An act with no second line was cut short by a
 * crash: its outcome is not known. When a line cannot be written, the act is refused.
 *
 * Lines are chained (audit_line.h), also from file to file: at max_bytes the file is renamed to
 * <file>.<seq of its last line, 20 digits> and a new one is begun. A line torn by a crash is kept;
 * one behind it says so. A second process on the same file is refused.
 *
 * One thread. Writing blocks until the disk has it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/observe/audit_line.h"

struct gw_audit;

/* Strings are copied. */
struct gw_audit_config {
    const char *path;  /* its folder is made (0700) if it is missing */
    struct gw_str key; /* of the HMAC; empty: plain SHA-256 */
    size_t max_bytes;  /* of one file */
};

/* 0; -EBUSY when another process has the file; -EBADMSG when its end cannot be continued; or
 * another negative errno. */
GW_MUST_CHECK
int gw_audit_open(const struct gw_audit_config *config, struct gw_audit **out_audit,
                  struct gw_error *error);
void gw_audit_close(struct gw_audit *audit); /* NULL is safe */

/* One line, durable when it returns 0. -errno: nothing was written. `begun` is 0, or the seq of the
 * line that began the act. *out_seq is this line's; it may be NULL. A NULL audit is off: 0. */
GW_MUST_CHECK
int gw_audit_write(struct gw_audit *audit, const char *act, struct gw_str who, struct gw_str what,
                   const char *outcome, uint64_t begun, uint64_t *out_seq);

/* An attempt that was refused before it was an act: at most about one a second is written (burst
 * 20), the others are counted in the next one. Not waited for. */
void gw_audit_refused(struct gw_audit *audit, struct gw_str who, struct gw_str what,
                      uint64_t now_ns);

/* The last line's number and hash: whoever keeps them elsewhere sees that lines at the end are
 * gone.
 */
uint64_t gw_audit_get_seq(const struct gw_audit *audit);
const char *gw_audit_get_head(const struct gw_audit *audit);
