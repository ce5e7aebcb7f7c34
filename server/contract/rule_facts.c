#include "server/contract/rule_facts.h"

#include <errno.h>

#include "server/contract/operation.h"
#include "server/http/percent.h"
#include "server/json/pointer.h"

static const struct rule_value unknown = {.type = RULE_VALUE_UNKNOWN};

static struct rule_value text_value(struct gw_str text)
{
    return (struct rule_value){.type = RULE_VALUE_TEXT, .text = text};
}

static struct rule_value decoded(struct gw_str raw, enum gw_percent_form form,
                                 struct gw_rule_facts *facts)
{
    struct gw_str text;
    int rc = gw_percent_decode(raw, form, &facts->ex->arena, &text);

    if (rc == -ENOMEM)
        facts->has_no_memory = true;
    return rc == 0 ? text_value(text) : unknown;
}

/* --- parameters ------------------------------------------------------------------------------- */

static struct rule_value get_path(struct gw_str name, struct gw_rule_facts *facts)
{
    const struct gw_exchange *ex = facts->ex;
    const struct gw_operation *operation = ex->operation;

    for (size_t i = 0; i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        if (parameter->place == GW_IN_PATH && gw_str_equal(parameter->name, name) &&
            parameter->path_index < ex->path_parameter_count)
            return decoded(ex->path_parameters[parameter->path_index], GW_PERCENT_PLAIN, facts);
    }
    return unknown;
}

/* Is it that name to some backend: in other letters, or with an index behind it? */
static bool looks_like(struct gw_str name, struct gw_str wanted)
{
    name.len = gw_str_find(name, '[');
    return gw_str_equal_nocase(gw_str_trim(name), wanted);
}

/* A name that stands twice, or that backends may take for one that does, has no value here: which
 * one counts is not ours to guess. The same for `;`, at which some split. */
static struct rule_value get_query(struct gw_str wanted, struct gw_rule_facts *facts)
{
    struct gw_str rest = facts->ex->request.query, pair;
    struct gw_str found = {NULL, 0};

    if (rest.len == 0 || memchr(rest.ptr, ';', rest.len) != NULL)
        return unknown;
    while (gw_str_split(&rest, '&', &pair)) {
        size_t name_len = gw_str_find(pair, '=');
        struct rule_value name = decoded(gw_str_from(pair.ptr, name_len), GW_PERCENT_QUERY, facts);
        if (name.type == RULE_VALUE_UNKNOWN)
            return unknown;
        if (!looks_like(name.text, wanted))
            continue;
        if (found.ptr != NULL || name_len == pair.len || !gw_str_equal(name.text, wanted))
            return unknown;
        found = gw_str_tail(pair, name_len + 1);
    }
    return found.ptr == NULL ? unknown : decoded(found, GW_PERCENT_QUERY, facts);
}

/* The same name, also with "_" for "-", as gateways to CGI and WSGI have it. */
static bool is_field(struct gw_str name, struct gw_str wanted)
{
    if (name.len != wanted.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        struct gw_str a = gw_str_from(name.ptr[i] == '_' ? "-" : &name.ptr[i], 1);
        struct gw_str b = gw_str_from(wanted.ptr[i] == '_' ? "-" : &wanted.ptr[i], 1);
        if (!gw_str_equal_nocase(a, b))
            return false;
    }
    return true;
}

static struct rule_value get_header(struct gw_str name, const struct gw_rule_facts *facts)
{
    const struct gw_request *request = &facts->ex->request;
    const struct gw_field *found = NULL;

    for (size_t i = 0; i < request->field_count; i++) {
        if (!is_field(request->fields[i].name, name))
            continue;
        if (found != NULL || !gw_str_equal_nocase(request->fields[i].name, name))
            return unknown;
        found = &request->fields[i];
    }
    return found == NULL ? unknown : text_value(gw_str_trim(found->value));
}

/* --- claims ----------------------------------------------------------------------------------- */

static bool read_claims(struct gw_rule_facts *facts)
{
    static const struct gw_json_limits limits = {1u << 20, 32};
    struct gw_exchange *ex = facts->ex;
    struct gw_json_error why;

    if (facts->claims != GW_CLAIMS_UNREAD)
        return facts->claims == GW_CLAIMS_READ;
    facts->claims = GW_CLAIMS_ABSENT;
    if (ex->identity.claims.len == 0)
        return false;
    int rc = gw_json_read(&ex->arena, ex->identity.claims, &limits, &facts->tape, &why);
    if (rc == -ENOMEM)
        facts->has_no_memory = true;
    if (rc == 0 && !facts->tape.has_duplicates)
        facts->claims = GW_CLAIMS_READ;
    return facts->claims == GW_CLAIMS_READ;
}

/* The first step may be a name that the issuer has another claim for. */
static uint32_t find_first(const struct gw_rule_facts *facts, struct gw_str step)
{
    const struct gw_identity *identity = &facts->ex->identity;

    for (size_t i = 0; i < identity->claim_name_count; i++) {
        const struct gw_claim_name *name = &identity->claim_names[i];
        if (!gw_str_equal(name->name, step))
            continue;
        if (gw_str_has_prefix(name->place, GW_STR("/")))
            return gw_pointer_find(&facts->tape, 0, name->place);
        return gw_json_get(&facts->tape, 0, name->place);
    }
    return gw_json_get(&facts->tape, 0, step);
}

/* An empty text proves nothing: it is what an attribute that was never filled in looks like. */
struct rule_value rule_value_of_claim(const struct gw_rule_facts *facts, uint32_t at)
{
    const struct gw_json_tape *tape = &facts->tape;
    struct rule_value value = unknown;

    switch (gw_json_type(tape, at)) {
    case GW_JSON_STRING:
        value = text_value(gw_json_string(tape, at));
        return value.text.len > 0 ? value : unknown;
    case GW_JSON_NUMBER:
        if (gw_decimal_parse(gw_json_number(tape, at), &value.number) == 0)
            value.type = RULE_VALUE_NUMBER;
        return value;
    case GW_JSON_TRUE:
    case GW_JSON_FALSE:
        return (struct rule_value){.type = RULE_VALUE_BOOL,
                                   .flag = gw_json_type(tape, at) == GW_JSON_TRUE};
    case GW_JSON_ARRAY:
        return (struct rule_value){.type = RULE_VALUE_LIST, .at = at};
    case GW_JSON_NULL:
    case GW_JSON_OBJECT:
        break;
    }
    return value;
}

static struct rule_value get_claim(const struct gw_rule_operand *operand,
                                   struct gw_rule_facts *facts)
{
    if (!read_claims(facts))
        return unknown;
    uint32_t at = find_first(facts, operand->steps[0]);
    for (uint16_t i = 1; i < operand->step_count && at != GW_JSON_NONE; i++)
        at = gw_json_get(&facts->tape, at, operand->steps[i]);
    return at == GW_JSON_NONE ? unknown : rule_value_of_claim(facts, at);
}

/* --- all -------------------------------------------------------------------------------------- */

struct rule_value rule_value_get(const struct gw_rule_operand *operand, struct gw_rule_facts *facts)
{
    const struct gw_exchange *ex = facts->ex;

    switch (operand->source) {
    case RULE_TEXT:
        return text_value(operand->text);
    case RULE_NUMBER:
        return (struct rule_value){.type = RULE_VALUE_NUMBER, .number = operand->number};
    case RULE_BOOL:
        return (struct rule_value){.type = RULE_VALUE_BOOL, .flag = operand->flag};
    case RULE_TOKEN:
        return get_claim(operand, facts);
    case RULE_PATH:
        return get_path(operand->text, facts);
    case RULE_QUERY:
        return get_query(operand->text, facts);
    case RULE_HEADER:
        return get_header(operand->text, facts);
    case RULE_METHOD: /* the contract's, so that HEAD is what it is asked of */
        return text_value(gw_method_name(ex->operation->method));
    case RULE_CONSUMER:
        return ex->identity.consumer.len > 0 ? text_value(ex->identity.consumer) : unknown;
    case RULE_ISSUER:
        return ex->identity.issuer.len > 0 ? text_value(ex->identity.issuer) : unknown;
    case RULE_LIST:
        break; /* asked item by item */
    }
    return unknown;
}
