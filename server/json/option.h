/* Option tables: the one description of a piece of configuration.
 *
 * A table says which keys there are, of what type, within which bounds, and what holds if a key is
 * left out. Checking, defaults, masking and the reference manual come from it.
 *
 * In every text of a configuration `${env:NAME}` stands for an environment variable and
 * `${file:PATH}` for a file's content (relative to the configuration's folder; one line end at its
 * end is dropped, at most 64 KiB); `$${` is a plain `${`. A number or a boolean may be such a
 * text, too. No message ever shows a secret or anything that was substituted.
 *
 * Reads the environment and files; otherwise without state. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/json/yaml.h"

enum gw_option_type {
    GW_END, /* ends a table, so that {0} does */
    GW_BOOL,
    GW_INT,      /* min, max: inclusive */
    GW_DURATION, /* "20ms", "1m30s" (ns us ms s m h d); becomes integer ns; min, max in ns */
    GW_BYTES,    /* integer, or text with a unit ("64KiB"; B KiB MiB GiB); becomes an integer */
    GW_STRING,   /* min, max: length in bytes */
    GW_SECRET,   /* a string never shown; usually ${env:NAME} or ${file:PATH} */
    GW_FILE,    /* a path, relative to the configuration's folder; becomes the file's content (UTF-8
                   text without NUL); max: its size, 1 MiB if not given */
    GW_ENUM,    /* one of the words in `words`, separated by spaces */
    GW_OBJECT,  /* described by `fields` */
    GW_LIST,    /* of strings, or of objects described by `fields`; min, max: count */
    GW_MAP,     /* name -> string, or object described by `fields`; min, max: count */
    GW_ANY,     /* whatever JSON can say: of an argument of a connector's function */
    GW_SECTION, /* the whole top-level section of that name: a map of objects described by `fields`
                   (with GW_OPTION_SINGLE: one object), given to the policy as a key of its own.
                   Without `fields` it is one that another policy describes, or is not there. */
};

enum {
    GW_OPTION_REQUIRED = 1,
    GW_OPTION_SECRET = 2, /* the strings of this GW_LIST or GW_MAP are secrets */
    GW_OPTION_SINGLE = 4, /* of GW_SECTION */
};

struct gw_option {
    const char *name;
    enum gw_option_type type;
    int64_t min, max;  /* both 0: no bound; max 0: none above */
    const char *value; /* the default as written in YAML; NULL: absent unless given */
    const char *help;  /* a sentence for the manual */
    const struct gw_option
        *fields;       /* of GW_OBJECT, GW_SECTION, and of GW_MAP, GW_LIST of objects */
    const char *words; /* of GW_ENUM */
    unsigned flags;
};

/* Where a configuration comes from, and where findings go. */
struct gw_option_source {
    struct gw_document *document; /* to tell lines; NULL: findings name the JSON Pointer */
    struct gw_diagnostics *diagnostics;
    const char *folder; /* of relative paths; NULL: the working folder */
    bool is_literal;    /* the values come from outside: nothing is substituted, no file is read */
};

/* Checks the object `given` (NULL or null: {}) against a table. `pointer` is where it stands in the
 * document (JSON Pointer). All problems are added to source->diagnostics: unknown keys, wrong
 * types, bounds, missing keys. Returns 0 and a new object with every default filled in, or -EINVAL
 * or -ENOMEM. GW_SECTION keys are left out: whoever owns the sections adds them. */
GW_MUST_CHECK
int gw_option_check(const struct gw_option_source *source, const json_t *given, const char *pointer,
                    const struct gw_option *table, json_t **out_checked);

/* The same for one value, described by one option. */
GW_MUST_CHECK
int gw_option_check_value(const struct gw_option_source *source, const json_t *given,
                          const char *pointer, const struct gw_option *option,
                          json_t **out_checked);

/* As gw_option_check_value(), but on -EINVAL too gives what is right (or NULL), for a caller that
 * goes on to look for more; in a list, a null holds the place of what is wrong. */
GW_MUST_CHECK
int gw_option_check_partly(const struct gw_option_source *source, const json_t *given,
                           const char *pointer, const struct gw_option *option, json_t **out_part);

/* Reads and checks a YAML text in one go: for tests of whoever has a table. */
GW_MUST_CHECK
int gw_option_parse(const char *yaml, const struct gw_option *table, json_t **out_checked,
                    struct gw_error *error);

/* "1m30s" in ns. Returns 0, -EINVAL, or -ERANGE. */
GW_MUST_CHECK
int gw_option_duration_parse(struct gw_str text, int64_t *out_ns);

/* "64KiB", "12". Returns 0, -EINVAL, or -ERANGE. */
GW_MUST_CHECK
int gw_option_bytes_parse(struct gw_str text, int64_t *out_bytes);

/* Replaces all GW_SECRET and GW_FILE values in `checked`, an object that came out of
 * gw_option_check(), by "***". Pass a deep copy. Keys that the table does not know are left. */
void gw_option_mask(json_t *checked, const struct gw_option *table);
void gw_option_mask_value(json_t *checked,
                          const struct gw_option *option); /* a list, map or object */

/* The manual of a table in Markdown: one row a key, nested keys as "a.b", "list[].b", "map.*.b".
 * Sections are named, not described. */
void gw_option_reference_print(FILE *out, const char *prefix, const struct gw_option *table);
