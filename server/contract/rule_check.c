/* A rule against the operation that it is about: what it reads must be there. */
#include <errno.h>
#include <stdio.h>

#include "server/contract/operation.h"
#include "server/contract/rule_program.h"
#include "server/core/similar.h"

static enum gw_parameter_place place_of(const struct gw_rule_operand *operand)
{
    return operand->source == RULE_PATH ? GW_IN_PATH : GW_IN_QUERY;
}

static bool is_there(const struct gw_rule_operand *operand, const struct gw_operation *operation,
                     struct gw_similar *similar)
{
    gw_similar_init(similar, operand->text);
    for (size_t i = 0; i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        if (parameter->place != place_of(operand))
            continue;
        if (gw_str_equal(parameter->name, operand->text))
            return true;
        gw_similar_offer(similar, parameter->name);
    }
    return false;
}

int gw_rule_check(const struct gw_rule *rule, const struct gw_operation *operation,
                  struct gw_rule_fault *out_fault)
{
    struct gw_similar similar;

    for (uint16_t i = 0; i < rule->operand_count; i++) {
        const struct gw_rule_operand *operand = &rule->operands[i];
        if ((operand->source != RULE_PATH && operand->source != RULE_QUERY) ||
            is_there(operand, operation, &similar))
            continue;
        struct gw_str method = gw_method_name(operation->method);
        out_fault->column = operand->column;
        snprintf(out_fault->text, sizeof(out_fault->text),
                 "%.*s %.100s has no %s parameter \"%.*s\"%s%.*s%s", GW_STR_ARG(method),
                 operation->path.ptr, operand->source == RULE_PATH ? "path" : "query",
                 operand->text.len < 40 ? (int)operand->text.len : 40, operand->text.ptr,
                 similar.best.ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG(similar.best),
                 similar.best.ptr != NULL ? "\"?" : "");
        return -EINVAL;
    }
    return 0;
}
