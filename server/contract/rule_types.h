/* Which values a rule may compare. Internal to contract/rule_*.c. */
#pragma once

#include "server/contract/rule_program.h"
#include "server/contract/rule_scan.h"

enum rule_kind { KIND_ANY, KIND_TEXT, KIND_NUMBER, KIND_BOOL, KIND_LIST };

enum rule_kind rule_kind_of(const struct gw_rule_operand *operand);
const char *rule_kind_name(enum rule_kind kind); /* "a text" */

/* Can the two be equal? If not, a fault at the byte `at` says so. */
void rule_check_pair(struct rule_scan *scan, const struct gw_rule_operand *a,
                     const struct gw_rule_operand *b, size_t at);

/* Can `value` be in `list`, whose items follow it? */
void rule_check_in(struct rule_scan *scan, const struct gw_rule_operand *value,
                   const struct gw_rule_operand *list, size_t at);
