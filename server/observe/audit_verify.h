/* Holds the files of an audit against their chain, for `millgate audit verify`. Reads files only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/observe/audit_line.h"

struct gw_audit_report {
    uint64_t lines;
    uint64_t first_seq, last_seq;
    char first_time[40], last_time[40];
    char
        head[GW_AUDIT_HASH_LEN + 1]; /* of the last line: keep it elsewhere, and pass it on later */
    uint64_t recovered;              /* torn lines that a later one vouches for */
    uint64_t unfinished;             /* acts that were begun and have no outcome */
    bool is_torn;                    /* the last line has no end: the next start heals that */
    bool has_head;                   /* the head that was asked for was met */

    /* What is wrong; file NULL: nothing. */
    const char *file;
    uint64_t line; /* from 1; 0: the whole file */
    char problem[256];
};

/* The files in the order in which they were written. `key` and `head` may be empty; a head that is
 * given must be that of one of the lines. Whether all is well. */
GW_MUST_CHECK
bool gw_audit_verify(const char *const *paths, size_t count, struct gw_str key, struct gw_str head,
                     struct gw_audit_report *out_report);
