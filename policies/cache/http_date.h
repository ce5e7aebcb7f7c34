/* HTTP-date (RFC 9110, section 5.6.7): all three formats are read, the first is written. Pure. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define HTTP_DATE_BYTES 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL */

/* Seconds since 1970. `now_s` tells the century of a year of two digits. 0, or -EINVAL. */
GW_MUST_CHECK
int http_date_parse(struct gw_str text, int64_t now_s, int64_t *out_s);

/* `unix_s` from 0 to the end of year 9999. */
void http_date_print(int64_t unix_s, char out[HTTP_DATE_BYTES]);
