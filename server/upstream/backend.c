#include "server/upstream/backend.h"

#include <errno.h>
#include <stdlib.h>

#include "server/upstream/balance.h"
#include "server/upstream/target.h"
#include "server/upstream/upstreams.h"

/* --- life --- */

int gw_backend_init(struct gw_backend *backend, struct gw_upstreams *upstreams,
                    const struct gw_backend_config *config, struct gw_error *error)
{
    const struct gw_credentials_config *credentials = &config->credentials;
    struct gw_backend made = {.config = config, .upstreams = upstreams};
    int rc = 0;

    made.state = gw_backend_state_get(upstreams, config->name);
    if (made.state != NULL && (config->throttle.obeys_429 || config->throttle.obeys_503)) {
        made.state->throttle.is_obeyed = true;
        made.state->throttle.max_ns = config->throttle.max_ns;
        gw_throttle_poll_start(upstreams);
    }
    made.targets = calloc(config->target_count + 1, sizeof(struct gw_target *));
    if (made.state == NULL || made.targets == NULL)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < config->target_count; i++)
        rc = gw_target_get(upstreams, config, &config->targets[i], &made.targets[i], error);
    if (rc != 0) {
        gw_backend_finish(&made);
        return gw_error_prefix(error, rc, "backend %.*s", GW_STR_ARG(config->name));
    }
    if (credentials->is_fetched || credentials->fixed.len > 0)
        rc = gw_credentials_open(credentials, config->name, upstreams->worker, &made.credentials,
                                 error);
    if (rc != 0) {
        gw_backend_finish(&made);
        return gw_error_prefix(error, rc, "backend %.*s: credentials", GW_STR_ARG(config->name));
    }
    *backend = made;
    return 0;
}

void gw_backend_finish(struct gw_backend *backend)
{
    for (size_t i = 0; backend->targets != NULL && i < backend->config->target_count; i++)
        gw_target_put(backend->targets[i]);
    free(backend->targets);
    gw_backend_state_put(backend->state);
    gw_credentials_close(backend->credentials);
    *backend = (struct gw_backend){0};
}

/* --- choosing --- */

typedef bool target_test(const struct gw_target *target, uint64_t now_ns);

static bool is_in(const struct gw_target_config *config, size_t index,
                  struct gw_backend_scope scope)
{
    return (scope.tried >> index & 1) == 0 && (config->pools >> scope.pool & 1) != 0;
}

/* SIZE_MAX: none. */
static size_t choose_among(const struct gw_backend *backend, struct gw_backend_scope scope,
                           uint64_t now_ns, target_test *may)
{
    const struct gw_backend_config *config = backend->config;
    struct gw_balance_choice choices[GW_MAX_TARGETS];

    for (size_t i = 0; i < config->target_count; i++) {
        const struct gw_target *target = backend->targets[i];
        bool is_choice = is_in(&config->targets[i], i, scope) && may(target, now_ns);
        choices[i] = (struct gw_balance_choice){
            .weight = is_choice ? gw_target_weight(target, config, &config->targets[i], now_ns) : 0,
            .outstanding = target->outstanding,
        };
    }
    size_t index = gw_balance_pick(choices, config->target_count, &backend->upstreams->random);
    return index == config->target_count ? SIZE_MAX : index;
}

static uint64_t wait_for_breaker(const struct gw_backend *backend, uint64_t now_ns)
{
    uint64_t first_ns = UINT64_MAX;

    for (size_t i = 0; i < backend->config->target_count; i++) {
        const struct gw_breaker *breaker = &backend->targets[i]->breaker;
        if (breaker->is_open && breaker->retry_at_ns < first_ns)
            first_ns = breaker->retry_at_ns;
    }
    return first_ns != UINT64_MAX && first_ns > now_ns ? first_ns - now_ns : 1;
}

static size_t choose_of_many(const struct gw_backend *backend, struct gw_backend_scope scope,
                             uint64_t now_ns)
{
    const struct gw_backend_scope usual = {.tried = scope.tried};
    size_t index = choose_among(backend, scope, now_ns, gw_target_is_well);

    if (index == SIZE_MAX && scope.pool != 0)
        index = choose_among(backend, usual, now_ns, gw_target_is_well);
    if (index == SIZE_MAX)
        index = choose_among(backend, scope, now_ns, gw_target_is_allowed);
    if (index == SIZE_MAX && scope.pool != 0)
        index = choose_among(backend, usual, now_ns, gw_target_is_allowed);
    return index;
}

struct gw_backend_choice gw_backend_choose(const struct gw_backend *backend,
                                           struct gw_backend_scope scope, uint64_t now_ns)
{
    struct gw_backend_choice choice = {.index = SIZE_MAX};

    if (backend->config->target_count > 1)
        choice.index = choose_of_many(backend, scope, now_ns);
    else if (scope.tried == 0 && gw_target_is_allowed(backend->targets[0], now_ns))
        choice.index = 0;
    if (choice.index == SIZE_MAX)
        choice.retry_ns = wait_for_breaker(backend, now_ns);
    return choice;
}

uint32_t gw_backend_count_untried(const struct gw_backend *backend, struct gw_backend_scope scope,
                                  uint64_t now_ns)
{
    const struct gw_backend_config *config = backend->config;
    const struct gw_backend_scope usual = {.tried = scope.tried};
    uint32_t count = 0;

    for (size_t i = 0; i < config->target_count; i++) {
        bool is_there =
            is_in(&config->targets[i], i, scope) || is_in(&config->targets[i], i, usual);
        count += is_there && gw_target_is_allowed(backend->targets[i], now_ns);
    }
    return count;
}
