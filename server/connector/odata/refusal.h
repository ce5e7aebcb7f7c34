/* What a refusal of an OData service means: error bodies of V4 and V2, and statuses. Pure but for
 * the arena. */
#pragma once

#include "server/connector/connector.h"

struct odata_refusal {
    struct gw_str code;    /* the service's own; may be empty */
    struct gw_str message; /* its words; empty: the body is no OData error */
};

/* Reads the error object of a body (or of one that lies in a batch). 0, or -ENOMEM. What is not
 * one leaves both empty. */
GW_MUST_CHECK
int odata_refusal_read(struct gw_arena *arena, struct gw_str body, struct odata_refusal *out);
GW_MUST_CHECK
int odata_refusal_take(struct gw_arena *arena, const struct gw_value *body,
                       struct odata_refusal *out);

/* What was asked, so far as it changes what a failure of the server means. */
enum odata_ask {
    ODATA_READING,
    ODATA_WRITING,      /* a second time may be a second effect */
    ODATA_WRITING_ONCE, /* sending it again is safe */
};

/* The class of a status that is no success. */
enum gw_connector_error odata_refusal_class(int status, const struct odata_refusal *refusal,
                                            enum odata_ask ask);
