/* edge.accept: what an edge delivers, into the event log (docs/edge.md).
 *
 * A batch is appended in order for each subject, and then, when all of it stands there, the last
 * sequence of its edge and epoch is committed: an answer of 200 says so. What is repeated is known
 * by its sequence, or at the latest by the log's guard; a batch that does not follow the last one
 * is 409 with the sequence that is expected. */
#pragma once

#include "server/gateway/builtin.h"

extern const struct gw_builtin gw_edge_accept;

/* edge.samples: samples that an edge has kept, for who reads them (edge_accept_samples.c). */
extern const struct gw_builtin gw_edge_samples_accept;
