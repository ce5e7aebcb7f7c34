/* The words of a rule's expression. Internal to contract/rule_*.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/contract/rule.h"
#include "server/core/attr.h"

/* Where the reading is; the first fault is kept, and nothing is read behind it. */
struct rule_scan {
    struct gw_arena *arena;
    struct gw_str text;
    size_t at;
    int rc; /* 0, -EINVAL or -ENOMEM: sticky */
    struct gw_rule_fault *fault;
};

/* Notes the fault at the byte `at` of the text, unless there was one before. */
GW_PRINTF(3, 4) GW_COLD void rule_fail(struct rule_scan *scan, size_t at, const char *format, ...);

/* The same where a word stands that is none of `words` (ended by NULL). */
GW_COLD void rule_fail_word(struct rule_scan *scan, size_t at, struct gw_str word,
                            const char *const *words);

uint32_t rule_column(struct gw_str text, size_t at);

void rule_skip_space(struct rule_scan *scan);

/* The word that begins here, or an empty text; it is not taken. */
struct gw_str rule_peek_word(struct rule_scan *scan);
/* Takes it if it is `word`. */
bool rule_take_word(struct rule_scan *scan, const char *word);
/* Takes one of the signs ( ) [ ] , . == != if it stands here. */
bool rule_take_sign(struct rule_scan *scan, const char *sign);
bool rule_is_end(struct rule_scan *scan);

/* "..." or '...' with \\ \" \' as escapes; decoded, in the arena. False: none stands here, or it
 * has a fault. */
bool rule_take_text(struct rule_scan *scan, struct gw_str *out_text);

/* The name behind a full stop, or ["..."]: letters, digits, "_" and "-". False: neither is here. */
bool rule_take_member(struct rule_scan *scan, struct gw_str *out_name);

/* An integer. */
bool rule_take_number(struct rule_scan *scan, struct gw_str *out_literal);
