/* The one way in which records change, and their names in Redis.
 *
 *   {millgate:records}         hash    id -> value (JSON text)
 *   {millgate:records}:log     stream  i = id, v = value (none: removed); about the last 10,000
 *   {millgate:records}:expiry  zset    ids by the time (Unix seconds) at which they may go
 *
 * All of one slot. Each run also takes out a few records whose time is over. */
#pragma once

#include "server/store/script.h"

#define GW_RECORD_KEYS 3
#define GW_RECORD_ARGS 5

extern const struct gw_script gw_record_script;
extern const struct gw_str gw_record_keys[GW_RECORD_KEYS]; /* in this order */

/* ARGV: what (a gw_record_act's word), id, value, expiry (Unix seconds; 0: never), maximum count of
 * records. Returns one of these. */
enum gw_record_result {
    GW_RECORD_DONE,
    GW_RECORD_EXISTS, /* and so was not added */
    GW_RECORD_ABSENT, /* and so was not removed */
    GW_RECORD_FULL,   /* at the maximum count */
};
