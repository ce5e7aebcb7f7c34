/* What the operator says of a Tryton, and what stands in all that is sent to it. Pure. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/json/option.h"

struct gw_buf;

extern const struct gw_option tryton_options[];

/* Borrows of the configuration. */
struct tryton_settings {
    struct gw_str database, user, password;
    struct gw_str language; /* empty: the user's own */
    int64_t company;        /* 0: the user's own */
};

/* From what tryton_options has checked. 0, or -EINVAL: a name that cannot stand where it must. */
GW_MUST_CHECK
int tryton_settings_read(const json_t *config, struct tryton_settings *out_settings,
                         struct gw_error *error);

/* Appends "/DATABASE/", where all calls go. */
void tryton_settings_write_target(struct gw_buf *out, const struct tryton_settings *settings);
