/* Text as XML writes it. Private to connector/soap. Pure. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"
#include "server/json/value.h"

struct gw_buf;

/* Whether XML 1.0 can say it (section 2.2): UTF-8 without controls but tab and line ends. */
bool soap_is_text(struct gw_str text);

/* Appends it, escaped so that it stays the same in an element and in an attribute's quotes. */
void soap_write_text(struct gw_buf *out, struct gw_str text);

/* A text, number or truth value as text; ptr NULL: it is none of these, or XML cannot say it. */
struct gw_str soap_scalar(const struct gw_value *value);
