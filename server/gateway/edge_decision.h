/* What an edge has decided, as its audit shows it: the table that edge_decide.c keeps. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_arena;
struct gw_edge;
struct gw_exchange;
struct gw_signal_event;
struct gw_signal_local;

/* One line of JSON: whose signal it is, and the command with its value, or the call with the digest
 * of its body. `device` is the name of the one that is commanded. ptr NULL: no memory. */
GW_MUST_CHECK
struct gw_str gw_edge_decision_describe(const struct gw_signal_event *event,
                                        const struct gw_signal_local *local, struct gw_str device,
                                        struct gw_arena *arena);

/* Answers with the newest ones, from the disk. */
void gw_edge_decisions_tell(const struct gw_edge *edge, struct gw_exchange *ex);
