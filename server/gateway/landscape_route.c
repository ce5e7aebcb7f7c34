#include "server/gateway/landscape_route.h"

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/filter/filter.h"
#include "server/filter/worker.h"
#include "server/gateway/landscape_state.h"
#include "server/http/problem.h"

/* Whoever has heard nothing of the records for so long may have missed a move: it writes nothing.
 */
#define MAX_AGE_NS (5 * GW_NS_PER_SECOND)
#define DRAIN_RETRY_NS (2 * GW_NS_PER_SECOND)

size_t gw_landscape_system_of(const struct gw_exchange *ex, const struct gw_landscape *landscape,
                              struct gw_str key)
{
    return gw_landscape_state(landscape, ex->worker->records, key).system;
}

/* The parameter, or the body's member; empty: it is not given. */
static struct gw_str key_of(const struct gw_landscape *landscape, const struct gw_value *input)
{
    const char *const places[] = {"parameters", "body"};

    for (size_t i = 0; i < GW_COUNT_OF(places); i++) {
        const struct gw_value *place = gw_value_member(input, gw_str_of(places[i]));
        const struct gw_value *key = gw_value_member(place, landscape->key);
        if (key != NULL && (key->type == GW_JSON_STRING || key->type == GW_JSON_NUMBER))
            return key->text;
    }
    return GW_STR("");
}

/* With the member `rule`, the name of what the key broke. */
static void refuse(struct gw_exchange *ex, const char *problem, const char *detail,
                   const struct gw_landscape *landscape)
{
    struct gw_str members = gw_arena_printf(&ex->arena, "\"rule\":\"landscapes/%.*s/keys\"",
                                            GW_STR_ARG(landscape->name));

    gw_problem_set_with(ex, problem, detail, members.ptr != NULL ? members : GW_STR(""));
}

static void refuse_missing(struct gw_exchange *ex, const struct gw_landscape *landscape)
{
    struct gw_str detail = gw_arena_printf(
        &ex->arena, "\"%.*s\" must say one whose record is meant.", GW_STR_ARG(landscape->key));

    refuse(ex, "invalid-parameter", detail.ptr, landscape);
}

static void refuse_unoffered(struct gw_exchange *ex, const struct gw_landscape *landscape,
                             struct gw_str key)
{
    struct gw_str detail = gw_arena_printf(&ex->arena, "Not offered for %.*s %.*s.",
                                           GW_STR_ARG(landscape->key), GW_STR_ARG(key));

    refuse(ex, "not-offered", detail.ptr, landscape);
}

bool gw_landscape_is_write(const struct gw_exchange *ex)
{
    enum gw_method method = ex->request.method;

    return method != GW_METHOD_GET && method != GW_METHOD_HEAD && method != GW_METHOD_OPTIONS;
}

static bool may_write(struct gw_exchange *ex, const struct gw_key_state *state)
{
    if (state->phase == GW_KEY_DRAIN) {
        (void)gw_exchange_reject(ex, "draining", NULL, DRAIN_RETRY_NS);
        return false;
    }
    if (gw_record_set_age_ns(ex->worker->records, gw_clock_monotonic_ns()) <= MAX_AGE_NS)
        return true;
    (void)gw_exchange_reject(ex, "unavailable", "It is not known where this is kept now.",
                             DRAIN_RETRY_NS);
    return false;
}

/* Whether it is known what has moved: before that nothing can be routed. */
static bool are_records_known(struct gw_exchange *ex)
{
    if (ex->worker->records == NULL || gw_record_set_is_known(ex->worker->records))
        return true;
    (void)gw_exchange_reject(ex, "unavailable", "It is not known yet where this is kept.",
                             DRAIN_RETRY_NS);
    return false;
}

enum gw_landscape_verdict gw_landscape_choose(struct gw_exchange *ex, const struct gw_value *input,
                                              struct gw_landscape_choice *out_choice)
{
    const struct gw_landscape_operation *operation = ex->service->landscape;
    const struct gw_landscape *landscape = operation->landscape;
    struct gw_str key = key_of(landscape, input);

    if (!are_records_known(ex))
        return GW_LANDSCAPE_REFUSED;
    if (key.len == 0 || gw_str_equal(key, landscape->all)) {
        if (operation->is_list) {
            *out_choice = (struct gw_landscape_choice){.key = GW_STR(""), .system = SIZE_MAX};
            return GW_LANDSCAPE_ALL;
        }
        refuse_missing(ex, landscape);
        return GW_LANDSCAPE_REFUSED;
    }
    struct gw_key_state state = {.system = SIZE_MAX};
    if (gw_key_is_valid(key))
        state = gw_landscape_state(landscape, ex->worker->records, key);
    if (state.system == SIZE_MAX) {
        refuse(ex, "unknown-key", NULL, landscape);
        return GW_LANDSCAPE_REFUSED;
    }
    const struct gw_service *service = &operation->systems[state.system];
    if (service->flow == NULL) {
        refuse_unoffered(ex, landscape, key);
        return GW_LANDSCAPE_REFUSED;
    }
    if (gw_landscape_is_write(ex) && !may_write(ex, &state))
        return GW_LANDSCAPE_REFUSED;
    size_t system = state.system;
    *out_choice = (struct gw_landscape_choice){.key = key, .system = system, .service = service};
    if (state.phase == GW_KEY_SHADOW && ex->request.method == GW_METHOD_GET &&
        operation->systems[state.other].flow != NULL)
        out_choice->shadow = &operation->systems[state.other];
    return GW_LANDSCAPE_ONE;
}

int gw_landscape_metadata(struct gw_arena *arena, const struct gw_landscape *landscape,
                          const struct gw_landscape_system *system, struct gw_str key,
                          struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = arena};
    int rc = 0;

    rc |= gw_value_add_member(&builder, GW_STR("landscape"), gw_value_string(landscape->name));
    rc |= gw_value_add_member(&builder, GW_STR("system"), gw_value_string(system->name));
    rc |= gw_value_add_member(&builder, GW_STR("backend"), gw_value_string(system->backend));
    rc |= gw_value_add_member(&builder, GW_STR("key"),
                              key.len > 0 ? gw_value_string(key) : gw_value_null());
    *out_value = gw_value_built_object(&builder);
    return rc;
}
