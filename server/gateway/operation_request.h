/* The request of an operation that we call ourselves: parameters and body as values, written out as
 * its contract has them. One worker's thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/json/value.h"
#include "server/net/http_field.h"

struct gw_arena;
struct gw_operation;

#define GW_OPERATION_MAX_FIELDS 64

struct gw_operation_request {
    /* --- what is asked for --- */
    const struct gw_operation *operation;
    struct gw_arena *arena;     /* of what is written */
    struct gw_value parameters; /* an object: by the names of the contract, all places; or null */
    struct gw_value given_body; /* null: none */
    struct gw_str effect_key;   /* of a write: its Idempotency-Key; empty: none */
    /* --- as it is sent --- */
    struct gw_str target;
    struct gw_field fields[GW_OPERATION_MAX_FIELDS];
    size_t field_count;
    struct gw_str body;
    bool has_body;
    const char *problem; /* why it cannot be called */
};

/* 0, -ENOMEM, or -EINVAL: `problem` says why, where it is known. */
GW_MUST_CHECK
int gw_operation_request_make(struct gw_operation_request *request);

bool gw_operation_is_write(const struct gw_operation *operation);
