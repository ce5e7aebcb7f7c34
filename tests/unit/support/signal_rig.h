/* Signals for tests: documents as texts, an engine, and all that it said, in an order that does not
 * depend on when it said it. */
#pragma once

#include "server/iot/signal.h"

#define SIGNAL_RIG_MAX_EVENTS 20000

struct signal_rig {
    struct gw_diagnostics diagnostics;
    struct gw_registry *registry;
    struct gw_signals *signals;
    struct gw_signal_engine *engine;
    char *events[SIGNAL_RIG_MAX_EVENTS]; /* "<id> <type> <data>" */
    size_t event_count, late_count;
};

/* Fails the test if anything is wrong. `documents` ends with NULL. */
void signal_rig_open(struct signal_rig *rig, const char *registry, const char *const *documents);
void signal_rig_close(struct signal_rig *rig);
/* What is wrong with one document, all findings in one text, valid until the next call; NULL:
 * nothing. */
const char *signal_rig_refusal(const char *registry, const char *document);
/* Forgets what was said, and begins with an engine that knows nothing. */
void signal_rig_restart(struct signal_rig *rig);
/* The first device's metric of that name (ours). */
uint32_t signal_rig_series(const struct signal_rig *rig, const char *device, const char *metric);
void signal_rig_feed(struct signal_rig *rig, const struct gw_sample *samples, size_t count);
void signal_rig_real(struct signal_rig *rig, uint32_t series, int64_t time_ms, double number);
void signal_rig_advance(struct signal_rig *rig, int64_t time_ms);
/* Saves the node's state, and goes on in a new engine that has loaded it. */
void signal_rig_move(struct signal_rig *rig);
/* All that was said, sorted, a line each; to be freed. */
char *signal_rig_said(struct signal_rig *rig);
/* The event at `index` as they were told; its data's member by "a/b/c", NULL: there is none. */
const char *signal_rig_member(struct signal_rig *rig, size_t index, const char *path);
/* Fails unless the event's type ends like that. */
void signal_rig_is(struct signal_rig *rig, size_t index, const char *type);
