/* What the files of the reader share. Private to reader*.c. */
#pragma once

#include "server/json/reader.h"

struct gw_arena;

struct gw_reader {
    struct gw_arena *arena;
    struct gw_str text;
    struct gw_json_token *tokens;
    uint32_t capacity;
    bool has_duplicates;
    char *decoded;        /* room for all strings with escapes; they never grow by decoding */
    int code;             /* why it failed: a negative errno, */
    const char *wrong_at; /* where, */
    const char *wrong;    /* and a sentence */
};

/* Records the failure; returns NULL so that scanners can end with it. */
const char *gw_reader_fail(struct gw_reader *reader, int code, const char *at, const char *wrong);

/* Reads on in a string that started at `start` (behind its quote) and turned out not to be plain
 * ASCII at `p`. Fills ptr and len of `token`; returns the place behind the closing quote, or NULL.
 */
const char *gw_reader_string(struct gw_reader *reader, const char *start, const char *p,
                             struct gw_json_token *token);

/* Whether the object at `at`, which is complete, has a name twice. Returns 0 or 1, or -ENOMEM. */
int gw_reader_has_duplicates(struct gw_reader *reader, uint32_t at);
