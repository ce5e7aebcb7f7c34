/* The envelope of SOAP 1.1 and 1.2, and what stands in an answer's. Private to connector/soap. Pure
 * but for the arena. */
#pragma once

#include <stdbool.h>

#include "server/connector/connector.h"
#include "server/connector/soap/names.h"
#include "server/connector/soap/xml.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_arena;
struct gw_buf;

enum soap_version { SOAP_1_1, SOAP_1_2 };

struct soap_envelope {
    const struct soap_element *header; /* may be NULL */
    const struct soap_element *body;
};

/* Around what stands in the header and in the body: begins, goes on, ends. */
void soap_envelope_begin(struct gw_buf *out, enum soap_version version,
                         const struct soap_names *names);
void soap_envelope_begin_body(struct gw_buf *out);
void soap_envelope_end(struct gw_buf *out);

/* Of either version. 0, -EINVAL (it is none, and why), or -ENOMEM. */
GW_MUST_CHECK
int soap_envelope_read(struct gw_arena *arena, struct gw_str text, struct gw_str charset,
                       struct soap_envelope *out_envelope, struct gw_error *error);

/* --- faults: fault.c -------------------------------------------------------------------------- */

/* Local names. Borrowed of the tree. */
struct soap_fault {
    struct gw_str code;   /* "Server", "Client.Order" (1.1); "Receiver" (1.2) */
    struct gw_str sub;    /* the innermost subcode of 1.2; may be empty */
    struct gw_str detail; /* of the first element of the detail: the fault's name in a WSDL */
    struct gw_str reason;
};

/* False: the body holds none. */
GW_MUST_CHECK
bool soap_fault_read(const struct soap_element *body, struct soap_fault *out_fault);

/* What the operator says of faults, by detail, subcode or code, in this order. */
struct soap_fault_rule {
    struct gw_str name;
    enum gw_connector_error error;
};

/* Never OK. */
enum gw_connector_error soap_fault_class(const struct soap_fault *fault,
                                         const struct soap_fault_rule *rules, size_t count,
                                         int status, bool is_write);

/* What stands for it in `when` of a catch: its detail's name, else its subcode, else its code. */
struct gw_str soap_fault_code(const struct soap_fault *fault);
