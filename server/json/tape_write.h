/* A value of a tape as compact JSON text again: strings escaped anew, numbers as they were written.
 */
#pragma once

#include "server/json/reader.h"

struct gw_buf;

void gw_json_write(struct gw_buf *buf, const struct gw_json_tape *tape, uint32_t at);
