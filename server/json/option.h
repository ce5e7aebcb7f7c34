/* Option tables: the one description of a piece of configuration.
 *
 * A table says which keys there are, of what type, within which bounds, and what holds if a key is
 * left out. Checking, defaults and the reference manual come from it. Pure; any thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

enum gw_option_type {
    GW_END, /* ends a table, so that {0} does */
    GW_BOOL,
    GW_INT,      /* min, max: inclusive */
    GW_DURATION, /* text with a unit ("20ms", "30s", "5m", "1h", "7d"); becomes integer ns; min, max
                    in ns */
    GW_BYTES,    /* integer, or text with a unit ("64KiB", "1MiB"); becomes an integer */
    GW_STRING,   /* min, max: length in bytes */
    GW_SECRET,   /* a string never shown; usually ${env:NAME} or ${file:PATH} */
    GW_FILE,   /* a path, relative to the configuration's file; becomes the file's content; max: its
                  size */
    GW_ENUM,   /* one of the words in `words`, separated by spaces */
    GW_OBJECT, /* described by `fields` */
    GW_LIST,   /* of strings, or of objects described by `fields`; min, max: count */
    GW_MAP,    /* name -> object described by `fields`; min, max: count */
    GW_SECTION, /* the whole top-level section of that name, given to the policy as it is there */
};

enum { GW_OPTION_REQUIRED = 1 };

struct gw_option {
    const char *name;
    enum gw_option_type type;
    int64_t min, max;               /* both 0: no bound */
    const char *value;              /* the default as written in YAML; NULL: absent unless given */
    const char *help;               /* a sentence for the manual */
    const struct gw_option *fields; /* of GW_OBJECT, GW_MAP and GW_LIST of objects */
    const char *words;              /* of GW_ENUM */
    unsigned flags;
};
