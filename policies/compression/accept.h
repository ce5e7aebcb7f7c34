/* Which content coding a client takes (RFC 9110, section 12.5.3). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/str.h"
#include "server/net/http_field.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD, CODING_COUNT };

/* "gzip"; empty for identity. A NUL follows. */
struct gw_str coding_name(enum coding coding);

/* The coding of that name ("x-gzip" is gzip), or CODING_COUNT. */
enum coding coding_find(struct gw_str name);

struct coding_choice {
    enum coding coding;
    bool is_identity_refused; /* the client would rather have none than an uncoded one */
};

/* Chooses among `offered` (the most liked first) what the client values most; identity where it
 * takes none of them, or has no field Accept-Encoding. What cannot be read is taken for absent. */
struct coding_choice coding_choose(const struct gw_field *fields, size_t field_count,
                                   const enum coding *offered, size_t offered_count);
