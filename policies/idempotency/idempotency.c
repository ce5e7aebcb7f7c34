#include "idempotency.h"

#include <errno.h>
#include <stdlib.h>

#include "answer.h"
#include "key.h"
#include "keyed.h"
#include "server/contract/operation.h"
#include "server/filter/worker_share.h"

#define DAY_NS (24 * 3600 * (int64_t)GW_NS_PER_SECOND)
#define MIB (1024 * (int64_t)1024)

static const struct gw_option idempotency_options[] = {
    {"plans", GW_SECTION, 0, 0, NULL, "Read, but described by the rate limit.", NULL, NULL, 0},
    {"ttl", GW_DURATION, (int64_t)GW_NS_PER_SECOND, 30 * DAY_NS, "24h",
     "How long a key and its answer are remembered.", NULL, NULL, 0},
    {"claim", GW_DURATION, (int64_t)GW_NS_PER_SECOND, DAY_NS, "90s",
     "How long a request may be under way before its outcome counts as unknown; longer than the "
     "backends' total_timeout.",
     NULL, NULL, 0},
    {"max_body", GW_BYTES, 1, 4 * MIB, "1MiB",
     "The largest body of a request with a key; beyond, 413.", NULL, NULL, 0},
    {"max_answer", GW_BYTES, 0, 2 * MIB, "256KiB",
     "The largest body of an answer that is kept. A larger one goes out, and is not replayed.",
     NULL, NULL, 0},
    {"lenient", GW_BOOL, 0, 0, "false",
     "Also accepts keys without quotes, of letters, digits and - . _ ~ :", NULL, NULL, 0},
    {"headers", GW_LIST, 0, KEYED_MAX_MORE_FIELDS, "[]",
     "Fields of answers that are kept beside the usual ones.", NULL, NULL, 0},
    {"documentation", GW_STRING, 0, 1024, "",
     "A URI that explains keys to callers: a Link of the 400 for a missing one.", NULL, NULL, 0},
    {"redis_timeout", GW_DURATION, 10 * (int64_t)GW_NS_PER_MS, 10 * (int64_t)GW_NS_PER_SECOND,
     "250ms", "How long each of the two records may take, replicas aside.", NULL, NULL, 0},
    {0},
};

/* --- life --- */

static void idempotency_destroy(void *self)
{
    struct idempotency *policy = self;

    if (policy == NULL)
        return;
    gw_worker_share_close(policy->late);
    demand_finish(&policy->demand);
    free(policy);
}

static uint64_t number_of(const json_t *config, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(config, key));
}

static int read_fields(struct idempotency *policy, const json_t *list, struct gw_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct gw_str name = gw_str_of(json_string_value(json_array_get(list, i)));
        if (!answer_may_keep(name))
            return gw_error_set_at(error, -EINVAL, "/headers",
                                   "\"%.64s\" belongs to one answer and cannot be kept", name.ptr);
        policy->more_fields[policy->more_field_count++] = name;
    }
    return 0;
}

static int idempotency_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct idempotency *policy = calloc(1, sizeof(*policy));

    if (policy == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for idempotency");
    policy->times.ttl_ns = number_of(config, "ttl");
    policy->times.claim_ns = number_of(config, "claim");
    policy->max_body_bytes = (size_t)number_of(config, "max_body");
    policy->max_answer_bytes = (size_t)number_of(config, "max_answer");
    policy->is_lenient = json_is_true(json_object_get(config, "lenient"));
    policy->documentation = gw_str_of(json_string_value(json_object_get(config, "documentation")));
    policy->timeout_ns = number_of(config, "redis_timeout");
    int rc = read_fields(policy, json_object_get(config, "headers"), error);
    if (rc == 0)
        rc = demand_init(&policy->demand, json_object_get(config, "plans"), error);
    if (rc == 0 && policy->times.claim_ns > policy->times.ttl_ns)
        rc = gw_error_set_at(error, -EINVAL, "/claim", "claim must not be longer than ttl");
    if (rc != 0) {
        idempotency_destroy(policy);
        return rc;
    }
    *out_self = policy;
    return 0;
}

/* --- the key --- */

static enum gw_verdict refuse_missing(const struct idempotency *policy, struct gw_exchange *ex)
{
    enum gw_verdict verdict = gw_exchange_reject(
        ex, "idempotency-key-missing",
        "Send a key of your own in Idempotency-Key, and the same one when you try again.", 0);

    if (policy->documentation.len > 0) {
        struct gw_str link = gw_arena_printf(&ex->arena, "<%.*s>; rel=\"describedby\"",
                                             GW_STR_ARG(policy->documentation));
        if (link.ptr == NULL || gw_response_add_field(ex, GW_STR("Link"), link) != 0)
            return verdict; /* the refusal matters more than its hint */
    }
    return verdict;
}

/* 0: *out_value is the one field, or NULL. -EINVAL: there are several. */
static int find_key(const struct gw_exchange *ex, const struct gw_str **out_value)
{
    *out_value = NULL;
    for (size_t i = 0; i < ex->request.field_count; i++) {
        if (!gw_str_equal_nocase(ex->request.fields[i].name, GW_STR("Idempotency-Key")))
            continue;
        if (*out_value != NULL)
            return -EINVAL;
        *out_value = &ex->request.fields[i].value;
    }
    return 0;
}

static enum gw_verdict idempotency_on_request(void *self, struct gw_exchange *ex)
{
    struct idempotency *policy = self;
    enum gw_keying keying = demand_ask(&policy->demand, ex);
    const struct gw_str *value;
    const char *flaw = "There must be one only.";

    if (keying == GW_KEYING_OFF)
        return GW_NEXT;
    int rc = find_key(ex, &value);
    if (rc == 0 && value == NULL)
        return keying == GW_KEYING_REQUIRED ? refuse_missing(policy, ex) : GW_NEXT;
    struct keyed *keyed = gw_arena_calloc(&ex->arena, 1, sizeof(*keyed));
    if (keyed == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    if (rc == 0)
        rc = key_parse(&ex->arena, *value, policy->is_lenient, &keyed->key, &flaw);
    if (rc != 0)
        return gw_exchange_reject(ex, rc == -ENOMEM ? "overloaded" : "idempotency-key-invalid",
                                  rc == -ENOMEM ? NULL : flaw, 0);
    ex->record.idempotency_key = keyed->key;
    keyed->policy = policy;
    keyed->ex = ex;
    *gw_exchange_slot(ex, self) = keyed;
    return gw_exchange_need_request_body(ex, policy->max_body_bytes, keyed_begin);
}

const struct gw_filter_type gw_idempotency = {
    .name = "idempotency",
    .options = idempotency_options,
    .create = idempotency_create,
    .destroy = idempotency_destroy,
    .on_request = idempotency_on_request,
    .on_response = keyed_on_response,
};
