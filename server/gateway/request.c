#include "server/gateway/request.h"

#include <sys/random.h>

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/gateway/builtin.h"
#include "server/gateway/flow_service.h"
#include "server/http/hop_fields.h"
#include "server/http/identity_fields.h"
#include "server/http/problem.h"
#include "server/http/router.h"
#include "server/observe/access_log.h"
#include "server/observe/metrics.h"
#include "server/observe/trace.h"
#include "server/upstream/proxy.h"
#include "server/upstream/tunnel.h"

/* --- identifiers --- */

static void refill(struct gw_request_owner *owner)
{
    /* Up to 256 bytes a call are never cut short (getrandom(2)). */
    for (size_t at = 0; at < sizeof(owner->random); at += 256) {
        if (getrandom(owner->random + at, 256, 0) != 256)
            gw_log_error("the kernel gives no random bytes");
    }
    owner->random_left = sizeof(owner->random);
}

void gw_request_owner_turn(struct gw_request_owner *owner)
{
    if (owner->random_left < sizeof(owner->random) / 2)
        refill(owner);
}

static struct gw_str make_id(struct gw_request_owner *owner, struct gw_arena *arena, size_t len)
{
    char *text = gw_arena_alloc(arena, len + 1);

    if (text == NULL)
        return GW_STR("");
    if (owner->random_left < len / 2)
        refill(owner);
    owner->random_left -= len / 2;
    gw_trace_hex(owner->random + owner->random_left, len, text);
    text[len] = '\0';
    return gw_str_from(text, len);
}

/* The field's values in one, and how many there were. One value is not copied. */
static struct gw_str join_fields(struct gw_exchange *ex, struct gw_str name, size_t *out_count)
{
    struct gw_str joined = GW_STR("");

    *out_count = 0;
    for (size_t i = 0; i < ex->request.field_count && joined.ptr != NULL; i++) {
        const struct gw_field *field = &ex->request.fields[i];
        if (!gw_str_equal_nocase(field->name, name))
            continue;
        joined = (*out_count)++ == 0 ? field->value
                                     : gw_arena_printf(&ex->arena, "%.*s,%.*s", GW_STR_ARG(joined),
                                                       GW_STR_ARG(field->value));
    }
    return joined;
}

static void identify(struct gw_request_owner *owner, struct gw_exchange *ex)
{
    struct gw_exchange_record *record = &ex->record;
    struct gw_traceparent parent;
    size_t count;
    struct gw_str given = join_fields(ex, GW_STR("traceparent"), &count);

    record->request_id = make_id(owner, &ex->arena, GW_TRACE_ID_LEN);
    record->span_id = make_id(owner, &ex->arena, GW_SPAN_ID_LEN);
    if (ex->is_inner && record->trace_id.len > 0)
        return; /* its cause's */
    if (count == 1 && gw_traceparent_parse(given, &parent)) {
        record->trace_id = gw_arena_copy(&ex->arena, parent.trace_id);
        record->parent_span = parent.parent_id;
        record->is_sampled = parent.is_sampled;
        record->tracestate = join_fields(ex, GW_STR("tracestate"), &count);
    } else {
        record->trace_id = make_id(owner, &ex->arena, GW_TRACE_ID_LEN);
    }
}

/* --- routing --- */

static void answer_simply(struct gw_exchange *ex, int status, struct gw_str allow)
{
    ex->response.status = status;
    if (allow.len > 0 && gw_response_add_field(ex, GW_STR("Allow"), allow) != 0)
        gw_problem_set(ex, "overloaded", NULL);
    gw_exchange_respond(ex);
}

static void refuse(struct gw_exchange *ex, const char *problem, struct gw_str allow)
{
    gw_problem_set(ex, problem, NULL);
    answer_simply(ex, ex->response.status, allow);
}

static void enter(struct gw_exchange *ex, const struct gw_service *service,
                  const struct gw_route_match *match)
{
    const struct gw_operation *operation = service->operation;

    ex->operation = operation;
    ex->api = operation->api;
    ex->service = service;
    if (service->backend != SIZE_MAX)
        ex->backend = &ex->view->snapshot->backends[service->backend];
    ex->effect = ex->backend != NULL ? &ex->backend->effect : &service->effect;
    ex->record.route = operation->route;
    ex->request.wants_websocket = ex->request.wants_websocket && operation->is_websocket;
    ex->record.route_number = service->metric;
    ex->path_parameter_count = match->parameter_count;
    memcpy(ex->path_parameters, match->parameters,
           match->parameter_count * sizeof(match->parameters[0]));
    gw_chain_run(&ex->view->chain, ex);
}

static bool has_cors(const struct gw_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (strcmp(chain->links[i].type->name, "cors") == 0)
            return true;
    }
    return false;
}

/* OPTIONS that no operation serves. What a browser asks before it sends is for a policy to answer,
 * which must know the operation meant. */
static void answer_options(struct gw_exchange *ex, struct gw_str allow)
{
    const struct gw_str *asked = gw_request_field(ex, GW_STR("Access-Control-Request-Method"));
    enum gw_method method = asked == NULL ? GW_METHOD_OTHER : gw_method_parse(*asked);
    struct gw_route_match match;

    if (method != GW_METHOD_OTHER && gw_request_field(ex, GW_STR("Origin")) != NULL &&
        has_cors(&ex->view->chain) &&
        gw_router_match(ex->view->snapshot->router, method, ex->request.path, &match) ==
            GW_ROUTE_FOUND) {
        ex->is_preflight = true;
        ex->preflight_allow = allow;
        enter(ex, match.value, &match);
        return;
    }
    answer_simply(ex, 204, allow);
}

static void begin(void *self, struct gw_exchange *ex)
{
    struct gw_request_owner *owner = self;
    struct gw_route_match match;

    identify(owner, ex);
    gw_identity_fields_strip(ex);
    gw_hop_fields_strip(ex);
    if (ex->view == NULL) /* one that serves another sees what that sees */
        ex->view = owner->view;
    ex->view->exchange_count++;
    if (ex->request.method == GW_METHOD_OTHER) {
        ex->must_close = true; /* who speaks like this may speak on like this */
        refuse(ex, "not-implemented", GW_STR(""));
        return;
    }
    if (gw_str_equal(ex->request.path, GW_STR("*"))) { /* RFC 9110, section 9.3.7: the server */
        answer_simply(ex, 204, GW_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        return;
    }
    switch (
        gw_router_match(ex->view->snapshot->router, ex->request.method, ex->request.path, &match)) {
    case GW_ROUTE_FOUND:
        enter(ex, match.value, &match);
        break;
    case GW_ROUTE_OPTIONS:
        answer_options(ex, match.allow);
        break;
    case GW_ROUTE_BAD_METHOD:
        refuse(ex, "method-not-allowed", match.allow);
        break;
    case GW_ROUTE_BAD_PATH:
        refuse(ex, "malformed-request", GW_STR(""));
        break;
    case GW_ROUTE_NOT_FOUND:
        refuse(ex, "not-found", GW_STR(""));
        break;
    }
}

static void finish(void *self, struct gw_exchange *ex)
{
    struct gw_request_owner *owner = self;
    uint64_t end_ns = gw_clock_monotonic_ns();
    int status = ex->state == GW_EXCHANGE_GONE ? 0 : ex->response.status;

    gw_metrics_exchange(owner->worker.metrics, ex->record.route_number, status,
                        end_ns - ex->now_ns);
    gw_access_log_write(owner->access_log, ex, end_ns);
    if (ex->view != NULL) {
        ex->view->exchange_count--;
        ex->view->detached_count -= ex->is_detached;
    }
}

/* A tunnel or an event stream may last for days: it must not keep a snapshot that long. What the
 * log needs of it is copied; no filter of the chain is called any more, but what one has deferred
 * to the exchange's end, or put around the body, still needs its instance. Where one watches the
 * body, all stays. */
static void detach(void *self, struct gw_exchange *ex)
{
    struct gw_exchange_record *record = &ex->record;
    struct gw_identity *identity = &ex->identity;
    struct gw_str *const texts[] = {&record->route,    &record->backend,    &record->target,
                                    &record->flow,     &identity->consumer, &identity->subject,
                                    &identity->issuer, &identity->plan};

    (void)self;
    if (ex->view == NULL || gw_chain_is_tapped(ex))
        return;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        if (texts[i]->len > 0)
            *texts[i] = gw_arena_copy(&ex->arena, *texts[i]); /* without memory it is not logged */
    }
    identity->claim_names = NULL;
    identity->claim_name_count = 0;
    ex->credential_count = 0;
    ex->api = NULL;
    ex->operation = NULL;
    ex->service = NULL;
    ex->backend = NULL;
    ex->effect = NULL;
    ex->chain_run = NULL;
    ex->is_detached = true;
    ex->view->detached_count++;
}

const struct gw_exchange_handler gw_request_handler = {
    .begin = begin, .finish = finish, .detach = detach};

/* --- the backend --- */

static struct gw_str part_text(const struct gw_exchange *ex, const struct gw_path_part *part)
{
    return part->parameter == SIZE_MAX ? part->text : ex->path_parameters[part->parameter];
}

/* The operation's path on the backend: its template with the parameters as they were received. */
static struct gw_str make_target(struct gw_exchange *ex, const struct gw_operation *operation)
{
    size_t len = ex->request.query.len + 1;

    for (size_t i = 0; i < operation->backend_part_count; i++) {
        const struct gw_path_part *part = &operation->backend_parts[i];
        len += part_text(ex, part).len;
    }
    char *target = gw_arena_alloc(&ex->arena, len);
    size_t at = 0;
    if (target == NULL)
        return (struct gw_str){NULL, 0};
    for (size_t i = 0; i < operation->backend_part_count; i++) {
        const struct gw_path_part *part = &operation->backend_parts[i];
        struct gw_str text = part_text(ex, part);
        if (text.len > 0)
            memcpy(target + at, text.ptr, text.len);
        at += text.len;
    }
    if (ex->request.query.len > 0) {
        target[at++] = '?';
        memcpy(target + at, ex->request.query.ptr, ex->request.query.len);
        at += ex->request.query.len;
    }
    return gw_str_from(target, at);
}

void gw_request_forward(struct gw_exchange *ex)
{
    const struct gw_service *service = ex->service;

    if (service->builtin != NULL) {
        gw_builtin_start(ex);
        return;
    }
    if (service->operation->flow.len > 0) {
        gw_flow_service_start(ex);
        return;
    }
    const struct gw_backend *backend = &ex->view->backends[service->backend];
    struct gw_str target = make_target(ex, service->operation);

    if (backend->upstreams == NULL || target.ptr == NULL) {
        gw_problem_set(ex, backend->upstreams == NULL ? "backend-unreachable" : "overloaded", NULL);
        gw_chain_response_set(ex);
        return;
    }
    if (service->operation->is_websocket && !gw_tunnel_is_asked_well(ex)) {
        gw_chain_response_set(ex);
        return;
    }
    gw_proxy_start(ex, backend, target);
}
