/* What was put aside, in Redis for whoever looks after devices: each name and reason once, with how
 * often, when first and last, and the latest detail.
 *
 * One hash for the fleet: "<reason> <name>" -> "<first ms> <last ms> <count> <detail>", at most
 * GW_QUARANTINE_MAX; what is new beyond that is counted alone. Gathered for a second. The lane's
 * thread. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/iot/sparkplug_host.h"

struct gw_loop;
struct gw_script;
struct gw_quarantine_board;
struct gw_redis;

#define GW_QUARANTINE_MAX 5000
#define GW_QUARANTINE_KEY "millgate:iot:quarantine"

/* What puts entries there: GW_QUARANTINE_MAX, then for each its field, first, last, count, detail.
 */
extern const struct gw_script gw_quarantine_add_script;

GW_MUST_CHECK
struct gw_quarantine_board *gw_quarantine_board_create(struct gw_loop *loop,
                                                       struct gw_redis *redis);
void gw_quarantine_board_destroy(struct gw_quarantine_board *board); /* NULL is safe */

void gw_quarantine_board_add(struct gw_quarantine_board *board, enum gw_quarantine_reason reason,
                             struct gw_str name, struct gw_str detail, int64_t now_ms);
/* How often, of each reason. */
const uint64_t *gw_quarantine_board_counts(const struct gw_quarantine_board *board);
