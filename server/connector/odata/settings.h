/* What the operator says of an OData backend: the key `odata` of backends.NAME. Immutable. */
#pragma once

#include <jansson.h>

#include "server/connector/odata/dialect.h"
#include "server/core/error.h"
#include "server/json/option.h"

struct odata_settings {
    enum odata_version version;
    bool needs_csrf_token;  /* writes carry SAP Gateway's X-CSRF-Token */
    bool batches_json;      /* $batch as JSON; else multipart */
    bool has_repeatability; /* knows Repeatability-Request-ID (OASIS Repeatable Requests 1.0) */
    bool exact_numbers;    /* V4: decimals and 64-bit integers travel as text (IEEE754Compatible) */
    bool midnight_is_date; /* V2: an Edm.DateTime at midnight is a date */
    uint32_t max_pages;    /* followed in one call */
    uint32_t max_items;    /* of one answer of ours */
    size_t max_answer_bytes;
    struct gw_str query; /* percent-encoded, added to every request: "sap-client=100" */
};

extern const struct gw_option odata_options[];

/* `config` came out of odata_options; the settings own nothing but `query`. 0, -EINVAL, -ENOMEM. */
GW_MUST_CHECK
int odata_settings_init(struct odata_settings *settings, const json_t *config,
                        struct gw_error *error);
void odata_settings_finish(struct odata_settings *settings);
