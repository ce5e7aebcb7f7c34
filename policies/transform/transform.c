#include "policies/transform/transform.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/transform/changes.h"
#include "server/contract/operation.h"
#include "server/contract/rules.h"

#define MAX_RULES 256
#define MAX_LIST 64

static const struct gw_option rule_options[] = {
    {.name = "namespaces",
     .type = GW_LIST,
     .min = 1,
     .max = MAX_LIST,
     .value = "[\"*\"]",
     .help = "The APIs that it is for; patterns as in `grants`."},
    {.name = "operations",
     .type = GW_LIST,
     .max = MAX_LIST,
     .value = "[]",
     .help = "The operationIds that it is for; all if empty."},
    {.name = "request",
     .type = GW_OBJECT,
     .fields = changes_options,
     .help = "Changes to the request's fields."},
    {.name = "query",
     .type = GW_OBJECT,
     .fields = changes_options,
     .help = "Changes to the query's parameters."},
    {.name = "response",
     .type = GW_OBJECT,
     .fields = changes_options,
     .help = "Changes to the answer's fields."},
    {0},
};

static const struct gw_option transform_options[] = {
    {.name = "rules",
     .type = GW_LIST,
     .max = MAX_RULES,
     .fields = rule_options,
     .value = "[]",
     .help = "What is changed; all that fit are applied, in order."},
    {0},
};

struct rule {
    const json_t *namespaces, *operations;
    struct changes request, query, response;
};

struct transform {
    struct rule *rules;
    size_t rule_count;
};

/* --- making --- */

static void transform_destroy(void *self)
{
    struct transform *transform = self;

    if (transform == NULL)
        return;
    for (size_t i = 0; i < transform->rule_count; i++) {
        changes_finish(&transform->rules[i].request);
        changes_finish(&transform->rules[i].query);
        changes_finish(&transform->rules[i].response);
    }
    free(transform->rules);
    free(transform);
}

static int read_changes(struct changes *changes, enum changes_kind kind, const json_t *config,
                        const char *where, struct gw_error *error)
{
    struct gw_error why = {0};
    char whole[sizeof(error->where)];
    int rc = changes_init(changes, kind, config, &why);

    if (rc == 0)
        return 0;
    snprintf(whole, sizeof(whole), "%s%.100s", where, why.where);
    return gw_error_set_at(error, rc, whole, "%s", why.text);
}

static int read_rule(struct rule *rule, const json_t *config, size_t index, struct gw_error *error)
{
    static const struct {
        const char *key;
        enum changes_kind kind;
    } parts[] = {{"request", CHANGES_OF_REQUEST_FIELDS},
                 {"query", CHANGES_OF_QUERY},
                 {"response", CHANGES_OF_RESPONSE_FIELDS}};
    struct changes *changes[] = {&rule->request, &rule->query, &rule->response};
    int rc = 0;

    rule->namespaces = json_object_get(config, "namespaces");
    rule->operations = json_object_get(config, "operations");
    for (size_t i = 0; rc == 0 && i < GW_COUNT_OF(parts); i++) {
        char where[48];
        snprintf(where, sizeof(where), "/rules/%zu/%s", index, parts[i].key);
        rc = read_changes(changes[i], parts[i].kind, json_object_get(config, parts[i].key), where,
                          error);
    }
    return rc;
}

static int transform_create(const json_t *config, void **out_self, struct gw_error *error)
{
    const json_t *rules = json_object_get(config, "rules");
    struct transform *transform = calloc(1, sizeof(*transform));
    int rc = 0;

    if (transform == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    transform->rules = calloc(json_array_size(rules) + 1, sizeof(*transform->rules));
    if (transform->rules == NULL)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < json_array_size(rules); i++)
        rc = read_rule(&transform->rules[transform->rule_count++], json_array_get(rules, i), i,
                       error);
    if (rc != 0) {
        transform_destroy(transform);
        return rc;
    }
    *out_self = transform;
    return 0;
}

/* --- changing --- */

static struct gw_str item_of(const json_t *list, size_t index)
{
    return gw_str_of(json_string_value(json_array_get(list, index)));
}

static bool covers(const struct rule *rule, const struct gw_exchange *ex)
{
    bool is_named = json_array_size(rule->operations) == 0;

    if (ex->operation == NULL)
        return false;
    for (size_t i = 0; !is_named && i < json_array_size(rule->operations); i++)
        is_named = gw_str_equal(item_of(rule->operations, i), ex->operation->id);
    for (size_t i = 0; is_named && i < json_array_size(rule->namespaces); i++) {
        if (gw_namespace_matches(ex->operation->api->namespace, item_of(rule->namespaces, i)))
            return true;
    }
    return false;
}

static enum gw_verdict transform_on_request(void *self, struct gw_exchange *ex)
{
    const struct transform *transform = self;

    for (size_t i = 0; i < transform->rule_count; i++) {
        const struct rule *rule = &transform->rules[i];
        if (!covers(rule, ex))
            continue;
        int rc = changes_make(&rule->request, ex);
        if (rc == 0)
            rc = changes_make(&rule->query, ex);
        if (rc == -EINVAL)
            return gw_exchange_reject(ex, "malformed-request",
                                      "A value of the request cannot be passed on.", 0);
        if (rc != 0)
            return GW_FAIL;
    }
    return GW_NEXT;
}

static enum gw_verdict transform_on_response(void *self, struct gw_exchange *ex)
{
    const struct transform *transform = self;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < transform->rule_count; i++) {
        if (covers(&transform->rules[i], ex))
            rc = changes_make(&transform->rules[i].response, ex);
    }
    return rc == 0 ? GW_NEXT : GW_FAIL;
}

const struct gw_filter_type gw_transform = {
    .name = "transform",
    .options = transform_options,
    .create = transform_create,
    .destroy = transform_destroy,
    .on_request = transform_on_request,
    .on_response = transform_on_response,
};
