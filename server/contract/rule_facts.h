/* The values that a rule reads of a request. Internal to contract/rule_*.c. */
#pragma once

#include "server/contract/rule_program.h"

enum rule_value_type {
    RULE_VALUE_UNKNOWN, /* absent, ambiguous, malformed, or of no comparable type */
    RULE_VALUE_TEXT,
    RULE_VALUE_NUMBER,
    RULE_VALUE_BOOL,
    RULE_VALUE_LIST, /* of a claim: `at` in the facts' tape */
};

struct rule_value {
    enum rule_value_type type;
    struct gw_str text;
    struct gw_decimal number;
    bool flag;
    uint32_t at;
};

struct rule_value rule_value_get(const struct gw_rule_operand *operand,
                                 struct gw_rule_facts *facts);

/* The claim's value at `at` in the facts' tape. */
struct rule_value rule_value_of_claim(const struct gw_rule_facts *facts, uint32_t at);
