/* What operators are told of an effect at its turning points: a counter of its backend, and a line
 * in the log where a person may have to act. On the worker's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_connector_call;

enum gw_effect_note {
    GW_EFFECT_NOTE_IN_DOUBT, /* sent, and nobody knows what came of it; logged */
    GW_EFFECT_NOTE_ADOPTED,  /* found at the backend; logged */
    GW_EFFECT_NOTE_RESENT,   /* not found there, and sent again; logged */
    GW_EFFECT_NOTE_DEAD,     /* found more than once; logged */
    GW_EFFECT_NOTE_REPLAYED, /* known to be done: answered from the record */
    GW_EFFECT_NOTE_COUNT,
};

/* `why` is for the line. */
void gw_effect_note(const struct gw_connector_call *call, enum gw_effect_note note,
                    struct gw_str why);

/* "odata.create", in the call's arena; ptr NULL without memory. */
GW_MUST_CHECK
struct gw_str gw_effect_note_function(const struct gw_connector_call *call);
