/* How names are written in flows: "mes:order" by the prefixes that the operator or the call gives,
 * "order" in the default namespace. Private to connector/soap. Pure but for the arena. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/connector/soap/xml.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/json/value.h"

struct gw_buf;

#define SOAP_MAX_PREFIXES 32
#define SOAP_XSI "http://www.w3.org/2001/XMLSchema-instance"
#define SOAP_XSD "http://www.w3.org/2001/XMLSchema"

struct soap_prefix {
    struct gw_str prefix, uri;
};

/* All borrowed. */
struct soap_names {
    struct gw_str default_uri; /* of elements without a prefix; empty: none */
    struct soap_prefix items[SOAP_MAX_PREFIXES];
    size_t count;
};

/* Adds a prefix, or gives it another namespace; the empty one is the default. 0, or -EINVAL: it is
 * no name, one of ours (soap, wsse, wsu, xsi, xsd), begins with "xml", or is one too many. */
GW_MUST_CHECK
int soap_names_add(struct soap_names *names, struct gw_str prefix, struct gw_str uri,
                   struct gw_error *error);
/* All of an object of texts; NULL or null: none. */
GW_MUST_CHECK
int soap_names_add_all(struct soap_names *names, const struct gw_value *object,
                       struct gw_error *error);

/* Appends their declarations, each with a space before it. */
void soap_names_write(struct gw_buf *out, const struct soap_names *names);

/* A name without a colon, as XML writes it (beyond ASCII all letters are taken for such). */
bool soap_is_plain_name(struct gw_str name);
/* Whether it is one, or "prefix:name" with a prefix that is declared. */
bool soap_is_name(const struct soap_names *names, struct gw_str name);

/* The key of an element or attribute: "mes:order", where its namespace has a prefix; else its plain
 * name. `mark` ("@" or "") stands before it. ptr NULL without memory. */
GW_MUST_CHECK
struct gw_str soap_key(struct gw_arena *arena, const struct soap_names *names, const char *mark,
                       const struct soap_name *name);
