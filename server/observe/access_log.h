/* The access log: one JSON object per line and exchange.
 *
 * Each worker fills a buffer of its own; a writer thread takes full ones (or those of 100 ms) and
 * writes them, so that a slow disk or pipe never holds up a request. When the writer is behind by
 * more than its bound, lines are dropped and counted. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"

struct gw_access_log;
struct gw_access_log_shard;
struct gw_exchange;

/* `path`: a file to append to, or "-" for standard output. */
GW_MUST_CHECK
int gw_access_log_create(const char *path, size_t shard_count, struct gw_access_log **out_log,
                         struct gw_error *error);
/* Writes what is left, once no shard is used any more; a pipe that nobody reads is given up after a
 * second or two. NULL is safe. */
void gw_access_log_destroy(struct gw_access_log *log);

/* Opens the file anew, for rotation. Any thread. */
GW_MUST_CHECK
int gw_access_log_reopen(struct gw_access_log *log, struct gw_error *error);

struct gw_access_log_shard *gw_access_log_get_shard(struct gw_access_log *log, size_t index);

/* Adds the line of a finished exchange. Owner's thread. A NULL shard is accepted. */
void gw_access_log_write(struct gw_access_log_shard *shard, const struct gw_exchange *ex,
                         uint64_t end_ns);

/* Hands over what has waited long enough; call once per loop turn. */
void gw_access_log_flush(struct gw_access_log_shard *shard, uint64_t now_ns);

/* Lines dropped so far. Any thread. */
uint64_t gw_access_log_dropped(const struct gw_access_log *log);
