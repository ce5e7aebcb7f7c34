/* Diagnostics: everything that is wrong with a set of documents, told at once.
 *
 * A bounded list of findings, each with the place it is about. Whoever reads a configuration or a
 * contract adds to it and goes on as far as it makes sense; `millgate check` and a refused reload
 * print it. Files are copied, so a finding outlives the document it is about. One owner; not
 * thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "server/core/attr.h"
#include "server/core/error.h"

#define GW_DIAGNOSTICS_MAX 100 /* kept; further ones are only counted */

enum gw_severity { GW_SEVERITY_ERROR, GW_SEVERITY_WARNING };

struct gw_finding {
    char *file;            /* "" for none */
    char *text;            /* one sentence, no trailing full stop */
    unsigned line, column; /* from 1; 0: the whole file */
    enum gw_severity severity;
    unsigned order; /* as it was added: the last sort key */
};

struct gw_diagnostics {
    struct gw_finding findings[GW_DIAGNOSTICS_MAX];
    size_t count;         /* of those kept */
    size_t dropped_count; /* of those beyond the maximum, or without memory */
    size_t error_count;   /* of all errors, kept or not */
};

void gw_diagnostics_init(struct gw_diagnostics *list);
void gw_diagnostics_finish(struct gw_diagnostics *list); /* safe on a zeroed one */

/* Adds a finding. Never fails: what has no room is counted. `file` may be NULL. */
GW_PRINTF(6, 7)
GW_COLD void gw_diagnostics_add(struct gw_diagnostics *list, enum gw_severity severity,
                                const char *file, unsigned line, unsigned column,
                                const char *format, ...);

static inline bool gw_diagnostics_has_errors(const struct gw_diagnostics *list)
{
    return list->error_count > 0;
}

/* By file, line, column, then in the order of adding. */
void gw_diagnostics_sort(struct gw_diagnostics *list);

/* Sorts, then prints one line each, "file:line:column: error: text", and "and N more" when some
 * had no room. */
void gw_diagnostics_print(struct gw_diagnostics *list, FILE *out);

/* The first error (after sorting) as "file:line:column: text" into *error, for a caller that can
 * tell only one. Returns `code`. */
GW_COLD int gw_diagnostics_to_error(struct gw_diagnostics *list, int code, struct gw_error *error);
