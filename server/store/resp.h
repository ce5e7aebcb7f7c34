/* Commands as Redis reads them (RESP 2: an array of bulk strings).
 *
 * hiredis' formatter allocates a string per command; this one writes behind the commands that are
 * gathered already. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/buf.h"
#include "server/core/str.h"

/* The head of a command of `count` words; then that many gw_resp_append_word(). Failures stick to
 * `buf` (see core/buf.h). */
void gw_resp_append_head(struct gw_buf *buf, size_t count);
void gw_resp_append_word(struct gw_buf *buf, struct gw_str word);
void gw_resp_append_number(struct gw_buf *buf, uint64_t number);

void gw_resp_append_command(struct gw_buf *buf, const struct gw_str *words, size_t count);
