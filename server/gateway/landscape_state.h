/* What has become of a key since the configuration was written: the record of its move from one
 * system to another. It is one of the mirrored records (records.h), "landscape:<landscape>:<key>":
 *   {"phase": "shadow" | "drain" | "switched", "from": system, "to": system, "version": ms, ...}
 * Without one a key is where the configuration has it. Pure but for the record set. */
#pragma once

#include "server/gateway/landscape.h"
#include "server/store/record_set.h"

#define GW_LANDSCAPE_RECORD "landscape:"

enum gw_key_phase {
    GW_KEY_SETTLED,  /* nothing moves */
    GW_KEY_SHADOW,   /* reads are made at the other system, too, and compared */
    GW_KEY_DRAIN,    /* no write begins any more */
    GW_KEY_SWITCHED, /* it has moved; nothing moves now */
};

struct gw_key_state {
    enum gw_key_phase phase;
    size_t system;    /* that keeps the record now; SIZE_MAX: the key falls under no rule */
    size_t other;     /* where it moves to, or came from; SIZE_MAX: nowhere */
    uint64_t version; /* of the record; 0: there is none */
};

/* A record that names systems that are not there any more counts as none. `records` may be NULL. */
struct gw_key_state gw_landscape_state(const struct gw_landscape *landscape,
                                       const struct gw_record_set *records, struct gw_str key);

/* What a record's value says, wherever the key belongs by the rules. False: nothing that counts. */
GW_MUST_CHECK
bool gw_key_state_read(const struct gw_landscape *landscape, struct gw_str value,
                       struct gw_key_state *out_state);

const char *gw_key_phase_name(enum gw_key_phase phase);
