/* One coded stream, over zlib or libzstd, of bounded memory: about 270 KiB for gzip (RFC 1952), 1
 * MiB for zstd (RFC 8878, window 128 KiB). One owner. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "policies/compression/accept.h"
#include "server/core/attr.h"

struct encoder;

/* NULL without memory. */
GW_MUST_CHECK
struct encoder *encoder_create(enum coding coding, int level);
void encoder_destroy(struct encoder *encoder); /* NULL is safe */

/* Back to the start of a stream, for another one. False: it cannot be used again. */
GW_MUST_CHECK
bool encoder_reset(struct encoder *encoder);

enum encoder_step {
    ENCODER_MORE,  /* more will come; may keep all of it */
    ENCODER_FLUSH, /* gives out all that it was given */
    ENCODER_END,   /* and the end of the stream */
};

/* Codes from *in, which is moved on by what was taken, to `out`. Returns how many bytes are there,
 * or -EIO. *out_is_done: all of the input is taken, and with FLUSH or END given out; until then
 * call again with the same step. */
GW_MUST_CHECK
ssize_t encoder_run(struct encoder *encoder, enum encoder_step step, struct gw_str *in, char *out,
                    size_t capacity, bool *out_is_done);
