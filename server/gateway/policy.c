#include "server/gateway/policy.h"

#include <errno.h>
#include <stdlib.h>

#include "server/json/shared.h"

static void release(struct gw_policy *policy)
{
    if (atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) != 1)
        return;
    if (policy->type->destroy != NULL)
        policy->type->destroy(policy->self);
    gw_json_shared_release(policy->options);
    free(policy);
}

struct gw_policy_set gw_policy_set_retain(const struct gw_policy_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        atomic_fetch_add_explicit(&set->policies[i]->references, 1, memory_order_relaxed);
    return *set;
}

void gw_policy_set_release(struct gw_policy_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        release(set->policies[i]);
    *set = (struct gw_policy_set){0};
}

static struct gw_policy *take_over(const struct gw_policy_set *previous,
                                   const struct gw_config_policy *wanted,
                                   const struct gw_policy_set *taken)
{
    for (size_t i = 0; previous != NULL && i < previous->count; i++) {
        struct gw_policy *policy = previous->policies[i];
        bool is_taken = false;
        for (size_t at = 0; at < taken->count; at++)
            is_taken = is_taken || taken->policies[at] == policy;
        if (!is_taken && policy->type == wanted->type &&
            json_equal(policy->options, wanted->options)) {
            atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
            return policy;
        }
    }
    return NULL;
}

static struct gw_policy *create(const struct gw_config_policy *wanted, struct gw_error *error)
{
    struct gw_policy *policy = calloc(1, sizeof(*policy));

    if (policy == NULL) {
        gw_error_set(error, -ENOMEM, "out of memory");
        return NULL;
    }
    policy->type = wanted->type;
    policy->options = gw_json_shared_hold(wanted->options);
    atomic_init(&policy->references, 1);
    if (wanted->type->create != NULL &&
        wanted->type->create(policy->options, &policy->self, error) != 0) {
        gw_json_shared_release(policy->options);
        free(policy);
        return NULL;
    }
    return policy;
}

int gw_policy_set_make(struct gw_config *config, const struct gw_policy_set *previous,
                       struct gw_policy_set *out_set, struct gw_diagnostics *diagnostics)
{
    struct gw_policy_set set = {0};
    bool has_failed = false;

    for (size_t i = 0; i < config->policy_count && i < GW_MAX_FILTERS; i++) {
        const struct gw_config_policy *wanted = &config->policies[i];
        struct gw_policy *policy = take_over(previous, wanted, &set);
        struct gw_error error = {0};
        if (policy == NULL)
            policy = create(wanted, &error);
        if (policy != NULL) {
            set.policies[set.count++] = policy;
        } else {
            has_failed = true;
            gw_config_report_policy(config, wanted, &error, diagnostics);
        }
    }
    if (has_failed) {
        gw_policy_set_release(&set);
        return -EINVAL;
    }
    *out_set = set;
    return 0;
}
