/* A worker's part of what events ask: the operation is called in-process, and its answer given
 * back. */
#pragma once

struct gw_enrichment_order;
struct gw_request_owner;

/* The mailbox with one more order; any thread. */
struct gw_enrichment_order *gw_enrichment_put(struct gw_enrichment_order *order,
                                              struct gw_enrichment_order *list);
/* On the worker's thread: calls what was put, first come, first served. */
void gw_enrichment_do(struct gw_enrichment_order *list, struct gw_request_owner *owner);
/* On the worker's thread, which ends: what is under way is cancelled and given back. */
void gw_enrichment_leave(struct gw_request_owner *owner);
/* Once the worker has ended: they were never called. */
void gw_enrichment_drop(struct gw_enrichment_order *list);
