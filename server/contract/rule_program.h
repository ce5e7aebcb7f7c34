/* A compiled rule. Internal to contract/rule_*.c. */
#pragma once

#include <stdbool.h>

#include "server/contract/rule.h"
#include "server/json/number.h"

enum gw_rule_op {
    RULE_AND,         /* left, right: nodes */
    RULE_OR,          /* likewise */
    RULE_NOT,         /* left: a node */
    RULE_EQUAL,       /* left, right: operands, from here on */
    RULE_DIFFERENT,   /* likewise */
    RULE_IN,          /* right: a list or a claim */
    RULE_STARTS_WITH, /* right: the prefix */
    RULE_SCOPE,       /* left: a text */
    RULE_IS_TRUE,     /* left: a claim, or true and false */
};

struct gw_rule_node {
    enum gw_rule_op op;
    uint16_t left, right;
};

enum gw_rule_source {
    RULE_TEXT,
    RULE_NUMBER,
    RULE_BOOL,
    RULE_LIST, /* of the operands that follow it */
    RULE_TOKEN,
    RULE_PATH,
    RULE_QUERY,
    RULE_HEADER,
    RULE_METHOD,
    RULE_CONSUMER,
    RULE_ISSUER,
};

struct gw_rule_operand {
    enum gw_rule_source source;
    struct gw_str text;         /* of a text; the name of a parameter or field */
    struct gw_decimal number;   /* of a number */
    bool flag;                  /* of a boolean */
    uint16_t count;             /* of a list: its items */
    const struct gw_str *steps; /* of a claim: the names on the way to it */
    uint16_t step_count;
    uint32_t column;
};
