/* What sending a write twice does at a backend: what the operator knows of it, and says.
 *
 * It decides what may happen to a request whose outcome was lost (docs/adr/0015). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/str.h"

#define GW_EFFECT_SETTLE_NS (UINT64_C(60) * 1000000000) /* where nobody says another */

enum gw_effect_class {
    GW_EFFECT_UNKNOWN,    /* D: a second time may be a second effect */
    GW_EFFECT_KEYED,      /* A: it knows the keys that it has seen, atomically */
    GW_EFFECT_TRANSITION, /* B: re-reading its state tells */
    GW_EFFECT_SEARCHABLE, /* C: it can be asked for a reference of ours, after a while */
};

struct gw_effect {
    enum gw_effect_class class;
    struct gw_str key_field; /* of class A: the request field that it takes the key in */
    bool is_key_bare;        /* without the quotes of a structured field */
    uint64_t settle_ns;      /* of class C: how long an effect may take to be found; 0: not said */
};

/* Whether a request of which a byte has left may be sent again, with its key, by a plain proxy. */
static inline bool gw_effect_is_repeatable(const struct gw_effect *effect)
{
    return effect != NULL && effect->class == GW_EFFECT_KEYED;
}
