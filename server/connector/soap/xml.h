/* Reads an XML 1.0 document with namespaces into a tree, strictly.
 *
 * There is no document type (so no entities but XML's own five, nothing that is fetched, nothing
 * that grows), and depth, elements and attributes are bounded. Encodings: UTF-8, UTF-16,
 * ISO-8859-1, US-ASCII and windows-1252; all text of the tree is UTF-8. Comments and processing
 * instructions are passed over. Where text stands between an element's children is not kept.
 *
 * The only file that sees expat. Private to connector/soap. Pure but for the arena. */
#pragma once

#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_arena;

#define SOAP_XML_MAX_DEPTH 128
#define SOAP_XML_MAX_ELEMENTS 500000
#define SOAP_XML_MAX_ATTRIBUTES 64 /* of one element */

/* A name with what its prefix stands for; `uri` is empty for a name in no namespace. */
struct soap_name {
    struct gw_str uri, local;
};

struct soap_attribute {
    struct soap_name name;
    struct gw_str value;
};

struct soap_element {
    struct soap_name name;
    struct soap_attribute *attributes; /* without those that declare namespaces */
    size_t attribute_count;
    struct soap_element *first_child, *last_child, *next, *parent;
    size_t child_count;
    struct gw_str text; /* all of its own, one piece behind the other */
};

/* `charset` is what the transport says of the encoding: it counts before the document's own
 * declaration, a byte order mark before both (RFC 7303, section 3); may be empty. The tree lies in
 * the arena. 0, -EINVAL (what is wrong, and in which line, is told), or -ENOMEM. */
GW_MUST_CHECK
int soap_xml_read(struct gw_arena *arena, struct gw_str text, struct gw_str charset,
                  struct soap_element **out_root, struct gw_error *error);

bool soap_name_is(const struct soap_name *name, struct gw_str uri, struct gw_str local);

/* The first child of that name; NULL: there is none, or `element` is NULL. */
const struct soap_element *soap_child(const struct soap_element *element, struct gw_str uri,
                                      struct gw_str local);

/* The value of that attribute; ptr NULL: there is none. */
struct gw_str soap_attribute_value(const struct soap_element *element, struct gw_str uri,
                                   struct gw_str local);

/* Without XML's white space at both ends. */
struct gw_str soap_trim(struct gw_str text);
