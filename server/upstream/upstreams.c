#include "server/upstream/upstreams.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/crypto/random.h"
#include "server/filter/worker.h"
#include "server/http/inner.h"

#define MAX_CALLS 4096
#define MAX_CALL_BYTES \
    ((size_t)32 * 1024 * 1024) /* its request, and what the answer's body is not */

void gw_upstreams_init(struct gw_upstreams *upstreams, struct gw_worker *worker)
{
    *upstreams =
        (struct gw_upstreams){.worker = worker, .loop = worker->loop, .client = worker->http};
    gw_list_init(&upstreams->backends);
    gw_list_init(&upstreams->targets);
    gw_list_init(&upstreams->mirrors);
    gw_exchange_pool_init(&upstreams->calls, MAX_CALLS, MAX_CALL_BYTES);
    gw_random_bytes(&upstreams->random, sizeof(upstreams->random));
}

void gw_upstreams_finish(struct gw_upstreams *upstreams)
{
    if (upstreams->loop == NULL)
        return;
    gw_mirror_cancel_all(upstreams);
    assert(gw_list_is_empty(&upstreams->calls.inner));
    gw_exchange_pool_finish(&upstreams->calls);
    gw_throttle_poll_stop(upstreams);
    assert(gw_list_is_empty(&upstreams->backends));
    assert(gw_list_is_empty(&upstreams->targets));
}

struct gw_backend_state *gw_backend_state_find(struct gw_upstreams *upstreams, struct gw_str name)
{
    struct gw_list *list = &upstreams->backends;

    for (struct gw_list *node = list->next; node != list; node = node->next) {
        struct gw_backend_state *known = GW_LIST_ITEM(node, struct gw_backend_state, node);
        if (gw_str_equal(gw_str_of(known->name), name))
            return known;
    }
    return NULL;
}

struct gw_backend_state *gw_backend_state_get(struct gw_upstreams *upstreams, struct gw_str name)
{
    struct gw_backend_state *known = gw_backend_state_find(upstreams, name);

    if (known != NULL) {
        known->references++;
        return known;
    }
    struct gw_backend_state *state = calloc(1, sizeof(*state));
    if (state == NULL || (state->name = gw_str_duplicate(name)) == NULL) {
        free(state);
        return NULL;
    }
    state->upstreams = upstreams;
    state->references = 1;
    gw_list_append(&upstreams->backends, &state->node);
    return state;
}

struct gw_backend_state *gw_backend_state_hold(struct gw_backend_state *state)
{
    state->references++;
    return state;
}

void gw_backend_state_put(struct gw_backend_state *state)
{
    if (state == NULL || --state->references > 0)
        return;
    gw_throttle_finish(&state->throttle);
    gw_list_remove(&state->node);
    free(state->connector_counters);
    free(state->name);
    free(state);
}
