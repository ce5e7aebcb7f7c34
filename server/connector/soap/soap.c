#include "server/connector/soap/soap.h"

#include <errno.h>
#include <stdlib.h>

#include "server/connector/soap/lookup.h"
#include "server/connector/soap/request.h"
#include "server/core/clock.h"
#include "server/crypto/random.h"
#include "server/upstream/backend.h"
#include "server/upstream/call.h"

struct soap {
    struct soap_settings settings;
};

/* One call, in its arena. */
struct soap_call {
    const struct soap *soap;
    struct gw_connector_call *call;
    struct gw_call *http;
    struct soap_request request;
    const struct gw_value *lookup; /* what is asked is this; else NULL */
    bool is_write;
};

static void fail_memory(struct gw_connector_call *call)
{
    gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
}

/* --- the answer ------------------------------------------------------------------------------- */

static void end_lookup(struct soap_call *state, const struct gw_value *answer)
{
    struct gw_error error = {0};
    struct gw_value found;
    int rc = soap_lookup_read(state->call->arena, state->lookup, answer, &found, &error);

    if (rc == 0)
        gw_connector_done(state->call, found);
    else if (rc == -ENOMEM)
        fail_memory(state->call);
    else
        gw_connector_fail_with(state->call, GW_CONNECTOR_RUBBISH, "%s", error.text);
}

static void on_answer(void *self, const struct gw_call_answer *answer)
{
    struct soap_call *state = self;
    struct gw_connector_failure failure;
    struct gw_value result;

    state->http = NULL;
    if (soap_answer_read(state->call->arena, &state->soap->settings, &state->request, answer,
                         state->is_write, &result, &failure) != GW_CONNECTOR_OK)
        gw_connector_fail(state->call, &failure);
    else if (state->lookup != NULL)
        end_lookup(state, &result);
    else
        gw_connector_done(state->call, result);
}

/* --- the request ------------------------------------------------------------------------------ */

static void cancel(struct gw_connector_call *call)
{
    struct soap_call *state = call->state;

    gw_call_cancel(state->http);
}

/* Of a backend that the operator says to know our keys. */
static int add_key(struct soap_call *state, bool *out_is_keyed)
{
    const struct gw_connector_call *call = state->call;
    const struct gw_effect *effect = &call->backend->config->effect;

    *out_is_keyed = state->is_write && call->effect_key.len > 0 &&
                    effect->class == GW_EFFECT_KEYED && effect->key_field.len > 0;
    if (!*out_is_keyed)
        return 0;
    struct gw_str text = gw_connector_key_text(call->arena, call->effect_key);
    if (text.ptr != NULL && !effect->is_key_bare)
        text = gw_arena_printf(call->arena, "\"%.*s\"", GW_STR_ARG(text));
    if (text.ptr == NULL)
        return -ENOMEM;
    state->request.fields[state->request.field_count++] =
        (struct gw_field){effect->key_field, text};
    return 0;
}

static void send(struct soap_call *state)
{
    struct gw_connector_call *call = state->call;
    const struct soap_request *request = &state->request;
    const struct soap_settings *settings = &state->soap->settings;
    bool has_nonce = settings->security.user.len > 0; /* which may be taken once only */
    bool is_keyed;

    if (add_key(state, &is_keyed) != 0) {
        fail_memory(call);
        return;
    }
    const struct gw_call_request outer = {
        .backend = call->backend,
        .method = GW_STR("POST"),
        .target = request->path,
        .fields = request->fields,
        .field_count = request->field_count,
        .body = request->body,
        .has_body = true,
        .deadline_ns = call->deadline_ns,
        .max_answer_bytes = settings->max_answer_bytes,
        .is_repeatable = !has_nonce && (is_keyed || !state->is_write),
        .cause = call->cause,
    };
    state->http = gw_call_start(&outer, on_answer, state);
    if (state->http == NULL) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "too many calls are under way");
        return;
    }
    call->state = state;
    call->cancel = cancel;
}

static void begin(struct soap_call *state)
{
    struct gw_connector_call *call = state->call;
    const struct gw_value *arguments = state->lookup != NULL ? state->lookup : &call->arguments;
    const struct gw_value *outer = state->lookup != NULL ? &call->arguments : NULL;
    struct soap_stamp stamp = {.now_ns = gw_clock_realtime_ns()};
    struct gw_error error = {0};

    gw_random_bytes(stamp.nonce, sizeof(stamp.nonce));
    int rc = soap_request_make(call->arena, &state->soap->settings, arguments, outer, &stamp,
                               &state->request, &error);
    if (rc == -ENOMEM)
        fail_memory(call);
    else if (rc != 0)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "%s%s",
                               state->lookup != NULL ? "lookup: " : "", error.text);
    else
        send(state);
}

static struct soap_call *create_call(const struct soap *soap, struct gw_connector_call *call)
{
    struct soap_call *state = gw_arena_calloc(call->arena, 1, sizeof(*state));

    if (state == NULL) {
        fail_memory(call);
        return NULL;
    }
    state->soap = soap;
    state->call = call;
    return state;
}

/* --- the functions ---------------------------------------------------------------------------- */

static void begin_read(void *self, struct gw_connector_call *call)
{
    struct soap_call *state = create_call(self, call);

    if (state != NULL)
        begin(state);
}

static const struct gw_value *lookup_of(const struct gw_value *arguments)
{
    const struct gw_value *lookup = gw_value_member(arguments, GW_STR("lookup"));

    return lookup == NULL || lookup->type == GW_JSON_NULL ? NULL : lookup;
}

/* A lookup that cannot be meant is told before the write is made, not when it is in doubt. */
static bool check_lookup(struct gw_connector_call *call, const struct soap *soap)
{
    static const struct soap_stamp stamp;
    const struct gw_value *lookup = lookup_of(&call->arguments);
    struct soap_request *unused = gw_arena_alloc(call->arena, sizeof(*unused));
    struct gw_error error = {0};

    if (lookup == NULL)
        return true;
    int rc = unused == NULL ? -ENOMEM : soap_lookup_check(lookup, &error);
    if (rc == 0)
        rc = soap_request_make(call->arena, &soap->settings, lookup, &call->arguments, &stamp,
                               unused, &error);
    if (rc == -ENOMEM)
        fail_memory(call);
    else if (rc != 0)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "lookup: %s", error.text);
    return rc == 0;
}

static void begin_call(void *self, struct gw_connector_call *call)
{
    if (!check_lookup(call, self))
        return;
    struct soap_call *state = create_call(self, call);
    if (state == NULL)
        return;
    state->is_write = true;
    begin(state);
}

static void look_up(void *self, struct gw_connector_call *call)
{
    if (!check_lookup(call, self))
        return;
    struct soap_call *state = create_call(self, call);
    if (state == NULL)
        return;
    state->lookup = lookup_of(&call->arguments);
    begin(state);
}

static enum gw_effect_class effect_with(const struct gw_value *arguments)
{
    return lookup_of(arguments) != NULL ? GW_EFFECT_SEARCHABLE : GW_EFFECT_UNKNOWN;
}

static enum gw_effect_class classify(void *self, const struct gw_value *arguments)
{
    (void)self;
    return effect_with(arguments);
}

#define COMMON                                                                                     \
    {.name = "operation",                                                                          \
     .type = GW_STRING,                                                                            \
     .max = 1024,                                                                                  \
     .flags = GW_OPTION_REQUIRED,                                                                  \
     .help = "The SOAPAction (1.1) or action (1.2), as the WSDL has it; may be empty."},           \
        {.name = "body", .type = GW_ANY, .help = "What stands in the Body, as an object."},        \
        {.name = "template",                                                                       \
         .type = GW_STRING,                                                                        \
         .max = 1 << 20,                                                                           \
         .help = "The same as XML text, with `{{path}}` where values go."},                        \
        {.name = "values", .type = GW_ANY, .help = "For the template."},                           \
        {.name = "headers", .type = GW_ANY, .help = "What stands in the Header, as an object."},   \
        {.name = "namespaces",                                                                     \
         .type = GW_ANY,                                                                           \
         .help = "Prefix and namespace, beside the backend's; \"\" is the default one."},          \
        {.name = "arrays", .type = GW_ANY, .help = "Names of the answer that are always arrays."}, \
        {.name = "expect",                                                                         \
         .type = GW_STRING,                                                                        \
         .min = 1,                                                                                 \
         .max = 256,                                                                               \
         .help = "The element that must stand in the answer's Body; its content is the "           \
                 "result. Without it, all of the Body is."},                                       \
        {.name = "version", .type = GW_ANY, .help = "1.1 or 1.2."},                                \
    {                                                                                              \
        .name = "path", .type = GW_STRING, .min = 1, .max = 1024,                                  \
        .help = "Where the service is, below the backend's URL."                                   \
    }

static const struct gw_option read_parameters[] = {COMMON, {0}};
static const struct gw_option call_parameters[] = {
    COMMON,
    {.name = "lookup",
     .type = GW_ANY,
     .help = "`{operation, body, expect, list, result}` that finds what an earlier attempt has "
             "made."},
    {0},
};

static const struct gw_connector_function functions[] = {
    {.name = "read",
     .parameters = read_parameters,
     .help = "An operation that changes nothing.",
     .begin = begin_read},
    {.name = "call",
     .parameters = call_parameters,
     .is_write = true,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .help = "Any other operation.",
     .effect_with = effect_with,
     .classify = classify,
     .look_up = look_up,
     .begin = begin_call},
    {0},
};

/* --- the type --------------------------------------------------------------------------------- */

static int create(const json_t *config, const struct gw_backend *backend, void **out_self,
                  struct gw_error *error)
{
    struct soap *soap = calloc(1, sizeof(*soap));

    if (soap == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    int rc = soap_settings_read(config, backend->config, &soap->settings, error);
    if (rc != 0) {
        free(soap);
        return rc;
    }
    *out_self = soap;
    return 0;
}

static void destroy(void *self)
{
    free(self);
}

const struct gw_connector_type gw_soap_connector = {
    .name = "soap",
    .options = soap_options,
    .functions = functions,
    .create = create,
    .destroy = destroy,
};
