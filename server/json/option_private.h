/* What the files option*.c share. Not for others. */
#pragma once

#include "server/core/buf.h"
#include "server/json/option.h"

#define GW_OPTION_MAX_TEXT_BYTES (1u << 20)

/* One run over a value and what lies in it. */
struct gw_option_checker {
    const struct gw_option_source *source;
    struct gw_buf pointer; /* where we are */
    int rc;                /* the last failure; -ENOMEM stays */
};

/* Adds a finding about the current value, "name ...". Returns NULL. */
GW_PRINTF(2, 3)
GW_COLD json_t *gw_option_fail(struct gw_option_checker *checker, const char *format, ...);

/* Notes that there was no memory. Returns NULL. */
GW_COLD json_t *gw_option_fail_memory(struct gw_option_checker *checker);

/* `value`, or NULL with the failure noted. */
json_t *gw_option_made(struct gw_option_checker *checker, json_t *value);

/* The checked value of a type that is neither list, map nor object; NULL with a finding. */
GW_MUST_CHECK
json_t *gw_option_check_scalar(struct gw_option_checker *checker, const struct gw_option *option,
                               const json_t *given);

/* `text` with all ${...} replaced, into *out (initialised by this). *out_is_replaced tells whether
 * there was any. Returns 0, or -EINVAL with the reason in error (which shows no value). */
GW_MUST_CHECK
int gw_option_substitute(struct gw_str text, const char *folder, struct gw_buf *out,
                         bool *out_is_replaced, struct gw_error *error);

/* Reads a text file of at most max_bytes; *out is initialised by this. */
GW_MUST_CHECK
int gw_option_read_file(const char *folder, const char *path, size_t max_bytes, struct gw_buf *out,
                        struct gw_error *error);

#define GW_OPTION_AMOUNT_BYTES 32

/* A bound in the largest unit of its type that divides it: "1m", "64KiB", "100". */
void gw_option_amount_print(enum gw_option_type type, int64_t amount,
                            char out[GW_OPTION_AMOUNT_BYTES]);
