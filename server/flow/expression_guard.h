/* Numbers that a double does not hold, on their way through libjq. Private to server/flow.
 *
 * They travel as texts of characters of our own (private use: U+10F000 to U+10F00F; a sign that
 * begins, the digits, a sign that ends). Whatever only passes them on leaves them whole, equal ones
 * are equal, and what was cut off or put together shows: it is an error, and so is what a
 * calculation or an order would make of them. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/json/value.h"

struct gw_arena;
struct gw_buf;

/* jq definitions that go before a document's own: functions that do not lose digits. With
 * `is_guarded` also those of operators and functions that look into numbers. One line. */
void gw_jq_write_guard(struct gw_buf *buf, bool is_guarded);

struct gw_jq_written {
    bool has_long; /* some number is long */
    bool has_sign; /* some text has a character of ours: with long numbers it cannot be sent */
    const atomic_bool *must_stop; /* NULL, or set where nobody wants it any more: it fails soon */
};

/* As gw_value_write(), with long numbers as said. Adds to *written. */
void gw_jq_write_value(struct gw_buf *buf, const struct gw_value *value,
                       struct gw_jq_written *written);

/* The value with its numbers again; unchanged parts are shared. 0, -ENOMEM, or -EINVAL: something
 * was made of the signs. */
GW_MUST_CHECK
int gw_jq_restore(struct gw_arena *arena, const struct gw_value *value, struct gw_value *out_value);

/* A message, with digits in the place of the signs. */
void gw_jq_restore_text(char *text);

/* Whether the text has a character of ours in it. */
bool gw_jq_has_sign(struct gw_str text);
