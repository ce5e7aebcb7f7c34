/* What is sent, made of a function's arguments, or of a `lookup`; and what the answer becomes.
 * Private to connector/soap. Pure but for the arena. */
#pragma once

#include <stdint.h>

#include "server/connector/soap/body.h"
#include "server/connector/soap/settings.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/net/http_field.h"

struct gw_call_answer;

#define SOAP_MAX_MESSAGE_BYTES ((size_t)16 << 20)
#define SOAP_MAX_FIELDS 4

struct soap_request {
    enum soap_version version;
    struct gw_str path;
    struct gw_field fields[SOAP_MAX_FIELDS]; /* one is left free, for the effect's key */
    size_t field_count;
    struct gw_str body;
    struct soap_names names;
    struct soap_reading reading;
    struct gw_str expect; /* the key of the answer's element; empty: the whole Body */
};

/* What changes from message to message. */
struct soap_stamp {
    uint8_t nonce[SOAP_NONCE_BYTES];
    uint64_t now_ns; /* CLOCK_REALTIME */
};

/* `arguments` of a lookup take what they lack of namespaces, path and version from `outer`, which
 * else is NULL. All lies in the arena, or is borrowed. 0, -EINVAL (the arguments cannot be meant)
 * or -ENOMEM. */
GW_MUST_CHECK
int soap_request_make(struct gw_arena *arena, const struct soap_settings *settings,
                      const struct gw_value *arguments, const struct gw_value *outer,
                      const struct soap_stamp *stamp, struct soap_request *out_request,
                      struct gw_error *error);

/* --- answer.c --------------------------------------------------------------------------------- */

/* The result, or the failure; all in the arena. */
GW_MUST_CHECK
enum gw_connector_error soap_answer_read(struct gw_arena *arena,
                                         const struct soap_settings *settings,
                                         const struct soap_request *request,
                                         const struct gw_call_answer *answer, bool is_write,
                                         struct gw_value *out_result,
                                         struct gw_connector_failure *out_failure);
