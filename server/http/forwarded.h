/* Forwarded (RFC 7239), read from its end: the elements there are the ones that a trusted proxy has
 * written. Values may hold whatever a client has made up (a Host with commas, say), within quotes.
 * Pure. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"

/* Takes the last element off `rest`, which may be a field's whole value. False: there is none.
 * Where its quotes do not match, nobody knows where it begins: all of `rest` is one element then,
 * and has no parameters. */
bool gw_forwarded_take_last(struct gw_str *rest, struct gw_str *out_element);

/* The value of that parameter of an element, without its quotes, as it stands (`\` escapes nothing
 * that is of use in an address or a scheme). Empty if there is none, or the element is malformed
 * before it. */
struct gw_str gw_forwarded_get(struct gw_str element, struct gw_str name);
