/* Strings by pointer and length.
 *
 * A gw_str borrows: it owns nothing, need not end in NUL, and is valid as long as
 * what it points into. Passed by value. ASCII only where letters are compared
 * without case, as HTTP field names are (RFC 9110, section 5.1).
 * Pure functions; any thread may call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/core/attr.h"

struct gw_str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

/* A gw_str of a string literal, usable in initialisers. */
#define GW_STR(literal) ((struct gw_str){(literal), sizeof(literal) - 1})
#define GW_STR_INIT(literal)           \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

/* For printf's "%.*s". */
#define GW_STR_ARG(str) (int)(str).len, (str).ptr != NULL ? (str).ptr : ""

static inline struct gw_str gw_str_of(const char *text)
{
    return (struct gw_str){text, text != NULL ? strlen(text) : 0};
}

static inline struct gw_str gw_str_from(const char *ptr, size_t len)
{
    return (struct gw_str){ptr, len};
}

static inline bool gw_str_equal(struct gw_str a, struct gw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Equal but for the case of ASCII letters. */
bool gw_str_equal_nocase(struct gw_str a, struct gw_str b);
bool gw_str_has_prefix(struct gw_str text, struct gw_str prefix);
bool gw_str_has_prefix_nocase(struct gw_str text, struct gw_str prefix);
bool gw_str_has_suffix(struct gw_str text, struct gw_str suffix);

/* Bytewise order, shorter first on a tie: <0, 0, >0. For qsort and bsearch. */
int gw_str_compare(struct gw_str a, struct gw_str b);

/* Where `byte` first stands in `text`, or text.len. */
size_t gw_str_find(struct gw_str text, char byte);

/* A copy with a NUL behind it, to be freed; NULL without memory. Unlike strndup() it never looks
 * behind the text, nor ends at a NUL in it. */
GW_MUST_CHECK
char *gw_str_duplicate(struct gw_str text);

/* From `from` (at most text.len) to the end. */
struct gw_str gw_str_tail(struct gw_str text, size_t from);

/* Without the spaces and tabs (RFC 9110 OWS) at both ends. */
struct gw_str gw_str_trim(struct gw_str text);

/* Takes the part before the first `separator` off *rest; the separator is dropped. Returns false
 * when *rest was already used up (ptr NULL). "a,,b" gives "a", "", "b"; "" gives "" once. */
bool gw_str_split(struct gw_str *rest, char separator, struct gw_str *out_part);

/* Strict decimal, no sign, no space: 0, or -EINVAL (not a number), -ERANGE. */
GW_MUST_CHECK
int gw_str_to_u64(struct gw_str text, uint64_t *out_value);
