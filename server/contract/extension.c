/* x-millgate: what the document tells the gateway about itself. */
#include "loading.h"

#include <math.h>

#include "server/core/similar.h"

#define MAX_WEIGHT 1000000

static const struct gw_str layers[] = {GW_STR_INIT("system"), GW_STR_INIT("process"),
                                       GW_STR_INIT("experience")};
static const struct gw_str stages[] = {GW_STR_INIT("design"), GW_STR_INIT("development"),
                                       GW_STR_INIT("production"), GW_STR_INIT("deprecated"),
                                       GW_STR_INIT("retired")};

static bool is_one_of(struct gw_str word, const struct gw_str *words, size_t count,
                      struct gw_similar *similar)
{
    gw_similar_init(similar, word);
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal(word, words[i]))
            return true;
        gw_similar_offer(similar, words[i]);
    }
    return false;
}

static bool is_name(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_inner = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
                        (byte == '-' && i > 0 && i + 1 < text.len);
        if (!is_inner)
            return false;
    }
    return text.len > 0 && text.len <= 63;
}

static void check_namespace(struct contract_loading *loading, const struct gw_place *place,
                            struct gw_str text)
{
    struct gw_similar similar;
    struct gw_str rest = text;
    struct gw_str layer, name, none;

    bool is_path = gw_str_has_prefix(text, GW_STR("/"));
    if (is_path)
        rest = gw_str_tail(text, 1);
    if (!is_path || !gw_str_split(&rest, '/', &layer) || !gw_str_split(&rest, '/', &name) ||
        gw_str_split(&rest, '/', &none) || !is_name(name)) {
        contract_error(
            loading, place,
            "a namespace is \"/<layer>/<name>\", the name of a-z, 0-9 and inner hyphens");
        return;
    }
    if (!is_one_of(layer, layers, GW_COUNT_OF(layers), &similar))
        contract_error(loading, place,
                       "the layer \"%.*s\" is none of system, process, experience%s%.*s%s",
                       GW_STR_ARG(layer), CONTRACT_DID_YOU_MEAN(similar.best));
}

static void read_service_level(struct contract_loading *loading, const struct gw_place *extension)
{
    struct gw_place level = gw_place_member(extension, "service_level");

    if (!json_is_object(level.value))
        return;
    (void)contract_check_object(loading, &level, CONTRACT_SERVICE_LEVEL);
    struct gw_place availability = gw_place_member(&level, "availability");
    struct gw_place latency = gw_place_member(&level, "latency_p99_ms");
    if (json_is_number(availability.value)) {
        loading->api->availability = json_number_value(availability.value);
        if (!(loading->api->availability > 0 && loading->api->availability <= 1))
            contract_error(loading, &availability, "availability is above 0 and at most 1");
    }
    if (json_is_number(latency.value)) {
        double ms = json_number_value(latency.value);
        if (ms > 0 && ms <= 3600e3)
            loading->api->latency_p99_ns = (uint64_t)llround(ms * 1e6);
        else
            contract_error(loading, &latency, "latency_p99_ms is above 0 and at most 3600000");
    }
}

void contract_read_extension(struct contract_loading *loading)
{
    const struct gw_contract_rules *rules = loading->rules;
    struct gw_place extension = gw_place_member(&loading->root, "x-millgate");
    struct gw_api *api = loading->api;
    struct gw_similar similar;

    if (extension.value != NULL)
        (void)contract_check_object(loading, &extension, CONTRACT_MILLGATE);
    else if (!rules->is_standalone)
        contract_error(loading, &loading->root,
                       "x-millgate is missing: it says the namespace, the owner and the backend");
    api->namespace = contract_text(loading, &extension, "namespace");
    api->owner = contract_text(loading, &extension, "owner");
    api->contact = contract_text(loading, &extension, "contact");
    api->runbook = contract_text(loading, &extension, "runbook");
    api->lifecycle = contract_text(loading, &extension, "lifecycle");
    api->plan = contract_text(loading, &extension, "plan");
    api->backend = contract_text(loading, &extension, "backend");
    api->landscape = contract_text(loading, &extension, "landscape");

    struct gw_place namespace = gw_place_member(&extension, "namespace");
    struct gw_place lifecycle = gw_place_member(&extension, "lifecycle");
    struct gw_place plan = gw_place_member(&extension, "plan");
    struct gw_place backend = gw_place_member(&extension, "backend");
    if (json_is_string(namespace.value))
        check_namespace(loading, &namespace, api->namespace);
    else if (rules->is_standalone)
        api->namespace = contract_copy(loading, rules->namespace);
    if (json_is_string(lifecycle.value) &&
        !is_one_of(api->lifecycle, stages, GW_COUNT_OF(stages), &similar))
        contract_error(
            loading, &lifecycle,
            "lifecycle is design, development, production, deprecated or retired%s%.*s%s",
            CONTRACT_DID_YOU_MEAN(similar.best));
    if (!json_is_string(plan.value))
        api->plan = contract_copy(loading, rules->default_plan);
    else
        contract_check_name(loading, &plan, GW_GRANT_PLAN, api->plan);
    contract_check_name(loading, &backend, GW_GRANT_BACKEND, api->backend);
    read_service_level(loading, &extension);
}

/* --- of an operation ----------------------------------------------------------------------------
 */

/* "64KiB", "1MiB", "1000", or an integer. */
static uint64_t read_bytes(struct contract_loading *loading, const struct gw_place *place)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"B", 0}, {"", 0}};
    uint64_t bytes = 0;

    if (json_is_integer(place->value) && json_integer_value(place->value) > 0)
        return (uint64_t)json_integer_value(place->value);
    struct gw_str text = gw_str_of(json_string_value(place->value));
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    struct gw_str unit = gw_str_trim(gw_str_tail(text, digits));
    bool is_number = digits <= 10 && gw_str_to_u64(gw_str_from(text.ptr, digits), &bytes) == 0;
    for (size_t i = 0; is_number && bytes > 0 && i < GW_COUNT_OF(units); i++) {
        if (gw_str_equal(unit, gw_str_of(units[i].name)))
            return bytes << units[i].shift;
    }
    contract_error(loading, place, "a size is a number above 0 of bytes, or text like \"64KiB\"");
    return 0;
}

static uint32_t read_weight(struct contract_loading *loading, const struct gw_place *place)
{
    json_int_t weight = json_integer_value(place->value);

    if (place->value == NULL || !json_is_number(place->value))
        return 1; /* another type was told already */
    if (json_is_integer(place->value) && weight >= 1 && weight <= MAX_WEIGHT)
        return (uint32_t)weight;
    contract_error(loading, place, "a weight is a whole number from 1 to %d", MAX_WEIGHT);
    return 1;
}

/* A caller with a plan of its own may still pass, so it is no error. */
static void check_weight(struct contract_loading *loading, const struct gw_place *place,
                         const struct gw_operation *operation)
{
    uint64_t most = gw_contract_rules_most(loading->rules, operation->plan);

    if (most > 0 && operation->weight > most)
        contract_warn(loading, place,
                      "a weight of %u never passes: the plan \"%.*s\" admits %llu at once",
                      operation->weight, GW_STR_ARG(operation->plan), (unsigned long long)most);
}

static void read_parts(struct contract_loading *loading, const struct gw_place *place,
                       const struct gw_path_template *path, const struct gw_path_template *backend,
                       struct gw_operation *operation)
{
    size_t max_count = 1;

    for (size_t i = 0; i < backend->segment_count; i++)
        max_count += 1 + backend->segments[i].piece_count;
    struct gw_path_part *parts = contract_alloc(loading, max_count, sizeof(*parts));
    for (size_t i = 0; parts != NULL && i < backend->segment_count; i++) {
        const struct gw_path_segment *segment = &backend->segments[i];
        parts[operation->backend_part_count++] = (struct gw_path_part){GW_STR("/"), SIZE_MAX};
        for (size_t p = 0; p < segment->piece_count; p++) {
            const struct gw_path_piece *piece = &segment->pieces[p];
            struct gw_path_part part = {piece->text, SIZE_MAX};
            if (piece->is_parameter)
                part = (struct gw_path_part){GW_STR(""), gw_path_template_find(path, piece->text)};
            if (piece->is_parameter && part.parameter == SIZE_MAX)
                contract_error(loading, place, "{%.*s} is no parameter of the operation's path",
                               GW_STR_ARG(piece->text));
            parts[operation->backend_part_count++] = part;
        }
    }
    operation->backend_parts = parts;
}

static bool is_safe(enum gw_method method)
{
    return method == GW_METHOD_GET || method == GW_METHOD_HEAD || method == GW_METHOD_OPTIONS;
}

/* The nearest of the three that says it. What a document or a path says is meant for writes: an
 * operation without effects is held to its own word only. */
void contract_read_keying(struct contract_loading *loading, const struct gw_place *extensions,
                          size_t count, struct gw_operation *operation)
{
    static const struct gw_str words[] = {GW_STR_INIT("off"), GW_STR_INIT("optional"),
                                          GW_STR_INIT("required")};
    static const enum gw_keying keyings[] = {GW_KEYING_OFF, GW_KEYING_OPTIONAL, GW_KEYING_REQUIRED};
    bool is_inheriting = !is_safe(operation->method);

    for (size_t i = 0; i < count && operation->keying == GW_KEYING_UNSAID; i++) {
        struct gw_place place = gw_place_member(&extensions[i], "idempotency");
        struct gw_str word = gw_str_of(json_string_value(place.value));
        struct gw_similar similar;
        for (size_t at = 0; at < GW_COUNT_OF(words); at++) {
            if (gw_str_equal(word, words[at]) && (i == 0 || is_inheriting))
                operation->keying = keyings[at];
        }
        if (json_is_string(place.value) && !is_one_of(word, words, GW_COUNT_OF(words), &similar)) {
            contract_error(loading, &place, "idempotency is off, optional or required%s%.*s%s",
                           CONTRACT_DID_YOU_MEAN(similar.best));
            return;
        }
    }
}

/* "erp-inventory/list-levels": namespace and name of a document (Serverless Workflow DSL 1.0). */
static bool is_flow_name(struct gw_str text)
{
    size_t slashes = 0, from = 0;

    for (size_t i = 0; i <= text.len; i++) {
        char byte = i < text.len ? text.ptr[i] : '/';
        if (byte == '/') {
            if (i == from)
                return false;
            from = i + 1;
            slashes++;
        } else if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') && byte != '-') {
            return false;
        }
    }
    return slashes == 2;
}

/* What has no meaning beside a flow or a builtin. */
static void refuse_beside(struct contract_loading *loading, const struct gw_place *extension,
                          const char *what)
{
    static const char *const foreign[] = {"backend", "backend_path", "websocket"};

    for (size_t i = 0; i < GW_COUNT_OF(foreign); i++) {
        struct gw_place other = gw_place_member(extension, foreign[i]);
        if (other.value != NULL)
            contract_error(loading, &other, "%s has no meaning beside %s", foreign[i], what);
    }
}

/* "events.publish": words of a-z and hyphens, joined by dots. */
static bool is_builtin_name(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_inner = i > 0 && i + 1 < text.len && (byte == '.' || byte == '-');
        if (!(byte >= 'a' && byte <= 'z') && !is_inner)
            return false;
    }
    return text.len > 0;
}

static void read_builtin(struct contract_loading *loading, const struct gw_place *extension,
                         struct gw_operation *operation)
{
    struct gw_place builtin = gw_place_member(extension, "builtin");
    struct gw_place flow = gw_place_member(extension, "flow");
    struct gw_place landscape = gw_place_member(extension, "landscape");

    operation->builtin = contract_text(loading, extension, "builtin");
    operation->backend = GW_STR("");
    if (!is_builtin_name(operation->builtin))
        contract_error(loading, &builtin,
                       "a builtin is named by words of a-z, joined by dots: \"events.publish\"");
    if (flow.value != NULL)
        contract_error(loading, &flow, "flow and builtin: one of them fulfils an operation");
    if (landscape.value != NULL)
        contract_error(loading, &landscape, "landscape has a meaning beside flow only");
    refuse_beside(loading, extension, "builtin");
}

/* Exactly one of the three fulfils an operation: a builtin, a flow, a backend. */
static void read_fulfilment(struct contract_loading *loading, const struct gw_place *place,
                            const struct gw_place *extension, struct gw_operation *operation)
{
    struct gw_place flow = gw_place_member(extension, "flow");
    struct gw_place landscape = gw_place_member(extension, "landscape");
    struct gw_place builtin = gw_place_member(extension, "builtin");

    if (json_is_string(builtin.value)) {
        read_builtin(loading, extension, operation);
        return;
    }
    if (!json_is_string(flow.value)) {
        if (landscape.value != NULL)
            contract_error(loading, &landscape, "landscape has a meaning beside flow only");
        if (operation->backend.len == 0 && !loading->rules->is_standalone && flow.value == NULL &&
            builtin.value == NULL)
            contract_error(loading, place,
                           "neither a flow, nor a builtin, nor a backend, here or in the root's "
                           "x-millgate");
        return;
    }
    operation->flow = contract_text(loading, extension, "flow");
    operation->backend = GW_STR("");
    operation->landscape = json_is_string(landscape.value)
                               ? contract_text(loading, extension, "landscape")
                               : loading->api->landscape;
    if (!is_flow_name(operation->flow))
        contract_error(loading, &flow,
                       "a flow is named by its document's namespace and name: \"namespace/name\"");
    refuse_beside(loading, extension, "flow");
}

void contract_read_operation_extension(struct contract_loading *loading,
                                       const struct gw_place *place,
                                       const struct gw_path_template *path,
                                       struct gw_operation *operation)
{
    struct gw_place extension = gw_place_member(place, "x-millgate");
    struct gw_place backend = gw_place_member(&extension, "backend");
    struct gw_place backend_path = gw_place_member(&extension, "backend_path");
    struct gw_place plan = gw_place_member(&extension, "plan");
    struct gw_place max_body = gw_place_member(&extension, "max_body");
    struct gw_place weight = gw_place_member(&extension, "weight");
    struct gw_place websocket = gw_place_member(&extension, "websocket");
    struct gw_path_template template = *path;
    struct gw_error error;

    if (extension.value != NULL)
        (void)contract_check_object(loading, &extension, CONTRACT_MILLGATE_OPERATION);
    operation->backend = loading->api->backend;
    operation->plan = loading->api->plan;
    operation->backend_path = operation->path;
    if (json_is_string(backend.value)) {
        operation->backend = contract_text(loading, &extension, "backend");
        contract_check_name(loading, &backend, GW_GRANT_BACKEND, operation->backend);
    }
    if (json_is_string(plan.value)) {
        operation->plan = contract_text(loading, &extension, "plan");
        contract_check_name(loading, &plan, GW_GRANT_PLAN, operation->plan);
    }
    read_fulfilment(loading, place, &extension, operation);
    if (json_is_string(backend_path.value)) {
        operation->backend_path = contract_text(loading, &extension, "backend_path");
        if (gw_path_template_parse(loading->arena, operation->backend_path, &template, &error) != 0)
            contract_error(loading, &backend_path, "%s", error.text);
    }
    read_parts(loading, &backend_path, path, &template, operation);
    if (json_is_integer(max_body.value) || json_is_string(max_body.value))
        operation->max_body_bytes = read_bytes(loading, &max_body);
    else if (json_is_real(max_body.value))
        contract_error(loading, &max_body, "a size is a whole number");
    operation->weight = read_weight(loading, &weight);
    check_weight(loading, weight.value != NULL ? &weight : place, operation);
    operation->is_websocket = json_is_true(websocket.value);
    if (operation->is_websocket && operation->method != GW_METHOD_GET)
        contract_error(loading, &websocket, "a WebSocket begins with GET (RFC 6455)");
}
