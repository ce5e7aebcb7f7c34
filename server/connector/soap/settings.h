/* What the operator says of a SOAP backend. Private to connector/soap. Pure. */
#pragma once

#include <jansson.h>

#include "server/connector/soap/envelope.h"
#include "server/connector/soap/names.h"
#include "server/connector/soap/security.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/option.h"

struct gw_backend_config;

extern const struct gw_option soap_options[];

#define SOAP_MAX_FAULT_RULES 64

/* Borrows of the configuration. */
struct soap_settings {
    enum soap_version version;
    struct gw_str path;
    struct soap_names names;
    struct soap_security security;
    struct soap_fault_rule rules[SOAP_MAX_FAULT_RULES];
    size_t rule_count;
    size_t max_answer_bytes;
};

/* From what soap_options has checked. 0 or -EINVAL: also for a password that would travel readable
 * for all. */
GW_MUST_CHECK
int soap_settings_read(const json_t *config, const struct gw_backend_config *backend,
                       struct soap_settings *out_settings, struct gw_error *error);
