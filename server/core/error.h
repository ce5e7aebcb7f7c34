/* Why something failed, as a text for a human.
 *
 * Functions that can fail for a reason worth telling take a `struct gw_error *error` (never NULL)
 * as their last parameter and fill it before they return a negative errno. Only main, the admin
 * listener and the exchange print it, once. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_error {
    char text[480];  /* one sentence: what is wrong, and the rule; no trailing full stop */
    char where[224]; /* JSON Pointer (RFC 6901) into what the function was given; "" = all of it */
};

/* Sets the text and clears the place. Returns `code`, so that a function can end with
 * `return gw_error_set(error, -EINVAL, "...")`. */
GW_PRINTF(3, 4) GW_COLD int gw_error_set(struct gw_error *error, int code, const char *format, ...);

/* As above, and says where. */
GW_PRINTF(4, 5)
GW_COLD int gw_error_set_at(struct gw_error *error, int code, const char *where, const char *format,
                            ...);

/* Puts "prefix: " before the text. Returns `code`. */
GW_PRINTF(3, 4)
GW_COLD int gw_error_prefix(struct gw_error *error, int code, const char *format, ...);

/* clang's analyzer sees one file at a time: this tells it that the code comes back. */
#ifdef __clang_analyzer__
#define gw_error_set(error, code, ...) (gw_error_set(error, code, __VA_ARGS__), (code))
#define gw_error_set_at(error, code, ...) (gw_error_set_at(error, code, __VA_ARGS__), (code))
#define gw_error_prefix(error, code, ...) (gw_error_prefix(error, code, __VA_ARGS__), (code))
#endif
