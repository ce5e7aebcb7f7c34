/* Rules: what must hold between a caller's claims and a request.
 *
 *     path.plant in token.plants and (method == "GET" or scope("stock.write"))
 *
 * A small language without loops, calls or state: an expression is compiled once, with its
 * contract, and costs a bounded number of comparisons. docs/contracts.md is its manual.
 *
 * Every answer is yes, no, or unknown (a claim is absent, a parameter stands twice, types do not
 * fit); unknown stays unknown under `not`. Only a yes lets a request pass. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/json/reader.h"

struct gw_exchange;
struct gw_operation;
struct gw_rule_node;
struct gw_rule_operand;

#define GW_RULE_MAX_BYTES 2048 /* of an expression */
#define GW_RULE_MAX_DEPTH 16   /* of parentheses and `not` */
#define GW_RULE_MAX_NODES 64   /* comparisons and what joins them */
#define GW_RULE_MAX_OPERANDS 256
#define GW_RULE_MAX_STEPS 8 /* of token.a.b.c */

/* Whose rule it is. */
enum gw_rule_owner { GW_RULE_OF_FLOOR, GW_RULE_OF_API, GW_RULE_OF_PATH, GW_RULE_OF_OPERATION };

/* Immutable once compiled. */
struct gw_rule {
    enum gw_rule_owner owner;
    struct gw_str text; /* as written */
    struct gw_str say;  /* what a refused caller is told; empty: nothing was given */
    const struct gw_rule_node *nodes;
    uint16_t root;
    const struct gw_rule_operand *operands;
    uint16_t operand_count;
};

/* What is wrong with an expression. */
struct gw_rule_fault {
    size_t column; /* from 1, in characters */
    char text[240];
};

/* Compiles `text`, which is copied; all lies in the arena. Owner and `say` are left empty. 0,
 * -EINVAL with *out_fault, or -ENOMEM. */
GW_MUST_CHECK
int gw_rule_compile(struct gw_arena *arena, struct gw_str text, struct gw_rule *out_rule,
                    struct gw_rule_fault *out_fault);

/* Has the operation all parameters that the rule reads? 0, or -EINVAL with *out_fault. */
GW_MUST_CHECK
int gw_rule_check(const struct gw_rule *rule, const struct gw_operation *operation,
                  struct gw_rule_fault *out_fault);

/* --- asking ------------------------------------------------------------------------------------
 */

/* What the rules of one request share: the claims are read when the first rule asks for them. */
struct gw_rule_facts {
    struct gw_exchange *ex; /* with its operation and identity */
    enum { GW_CLAIMS_UNREAD, GW_CLAIMS_READ, GW_CLAIMS_ABSENT } claims;
    struct gw_json_tape tape;
    bool has_no_memory; /* something was unknown for this alone */
};

/* Does the rule surely hold? What must be decoded is put in the exchange's arena. */
bool gw_rule_holds(const struct gw_rule *rule, struct gw_rule_facts *facts);
