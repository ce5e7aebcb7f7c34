/* The connector of the gateway itself that keeps ids: what a system of record calls a thing, and
 * what callers know it by, so that a thing keeps its id when it moves to another system.
 *
 * Kept in Redis: one hash for each landscape and kind, both directions in it:
 *   millgate:ids:{<landscape>:<kind>}   "s:<system>:<its id>" -> canonical
 *                                       "c:<system>:<canonical>" -> the system's
 * What is not kept is called the same by both. Landscape and system are those of the run
 * ($runtime.metadata). */
#pragma once

#include "server/connector/connector.h"
#include "server/store/script.h"

#define GW_IDS_MAX_ITEMS 1000   /* of one call */
#define GW_IDS_MAX_BYTES 200    /* of one id */
#define GW_IDS_MAX_KEPT 2000000 /* fields of one hash: two for each pair */

extern const struct gw_connector_type gw_ids_connector;

/* KEYS: the hash. ARGV: most fields, system, then pairs of system's id and canonical id. Returns
 * {0, how many were new}, {1, n}: pair n contradicts what is kept, or {2, 0}: too many are kept;
 * then nothing is changed. */
extern const struct gw_script gw_ids_keep_script;
