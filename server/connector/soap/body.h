/* Values as XML, and XML as values.
 *
 *     {"mes:report": {"@id": "7", "order": "PO-1", "serial": ["a", "b"], "note": null}}
 *     <mes:report id="7"><order>PO-1</order><serial>a</serial><serial>b</serial>
 *         <note xsi:nil="true"/></mes:report>
 *
 * Members become elements in their order, arrays elements of one name, "@name" an attribute,
 * "#text" the text beside attributes or elements. "#sequence", a list of objects, is for elements
 * whose names take turns. In what is read an element with neither attribute nor child is a text,
 * one with xsi:nil is null, and names that come more than once, or are listed, are arrays;
 * attributes of xsi are dropped. Private to connector/soap. Pure but for the arena. */
#pragma once

#include "server/connector/soap/names.h"
#include "server/connector/soap/xml.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/value.h"

#define SOAP_BODY_MAX_DEPTH 64
#define SOAP_MAX_ARRAYS 64

/* Appends the elements of an object. 0, or -EINVAL; failure of memory is the buffer's. */
GW_MUST_CHECK
int soap_body_write(struct gw_buf *out, const struct soap_names *names,
                    const struct gw_value *object, struct gw_error *error);

/* What is read by. */
struct soap_reading {
    const struct soap_names *names;
    struct gw_str arrays[SOAP_MAX_ARRAYS]; /* keys that are always arrays */
    size_t array_count;
};

/* 0 or -ENOMEM. Borrows of the tree. */
GW_MUST_CHECK
int soap_body_read(struct gw_arena *arena, const struct soap_reading *reading,
                   const struct soap_element *element, struct gw_value *out_value);
/* The same, but always an object, and with nothing but the children. */
GW_MUST_CHECK
int soap_body_read_children(struct gw_arena *arena, const struct soap_reading *reading,
                            const struct soap_element *element, struct gw_value *out_value);
