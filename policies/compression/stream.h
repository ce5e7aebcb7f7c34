/* A response's body that is coded as it is read: nothing is held back that the backend has sent,
 * and no more than one block of it is in memory. One worker's. */
#pragma once

#include "policies/compression/accept.h"
#include "server/core/attr.h"
#include "server/http/exchange.h"

struct encoder;

#define COMPRESSION_MAX_SPARE 8 /* of each coding */

/* All zeroes but for the first two is empty. It must outlive the exchanges. */
struct compression_pool {
    int levels[CODING_COUNT];
    unsigned max_streams;
    unsigned stream_count;
    struct encoder *spares[CODING_COUNT][COMPRESSION_MAX_SPARE];
    unsigned spare_counts[CODING_COUNT];
};

void compression_pool_finish(struct compression_pool *pool);

/* Puts itself in place of the response's body. Returns 0, -EBUSY (max_streams) or -ENOMEM; then the
 * response is as it was. */
GW_MUST_CHECK
int compression_stream_start(struct compression_pool *pool, struct gw_exchange *ex,
                             enum coding coding);
