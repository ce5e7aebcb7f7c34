#include "server/gateway/admin_route.h"

#include <errno.h>
#include <stdlib.h>

#include "server/gateway/admin_act.h"
#include "server/gateway/server_state.h"
#include "server/http/problem.h"

#define MAX_BODY_BYTES ((size_t)64 * 1024)
#define MAX_ANSWER_BYTES ((size_t)64 * 1024 * 1024)

/* --- answers --- */

void gw_admin_answer(struct gw_exchange *ex, int status, struct gw_str type, struct gw_buf *text)
{
    char *body = text->has_failed ? NULL : text->ptr;

    /* The buffer may be large: it is handed to the exchange, not copied. */
    if (body != NULL && gw_arena_defer(&ex->arena, free, body) == 0) {
        ex->response.body = gw_buf_str(text);
        ex->response.status = status;
        *text = (struct gw_buf){0};
        if (gw_response_add_field(ex, GW_STR("Content-Type"), type) != 0 ||
            gw_response_add_field(ex, GW_STR("Cache-Control"), GW_STR("no-store")) != 0)
            gw_problem_set(ex, "overloaded", NULL);
    } else {
        gw_problem_set(ex, "overloaded", NULL);
    }
    gw_buf_finish(text);
    gw_admin_respond(ex);
}

void gw_admin_answer_json(struct gw_exchange *ex, int status, struct gw_buf *text)
{
    gw_admin_answer(ex, status, GW_STR("application/json"), text);
}

void gw_admin_answer_value(struct gw_exchange *ex, int status, json_t *value)
{
    char *dumped = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    struct gw_buf text;

    gw_buf_init(&text, MAX_ANSWER_BYTES);
    if (dumped == NULL)
        text.has_failed = true;
    else
        gw_buf_append_text(&text, dumped);
    gw_buf_append_byte(&text, '\n');
    free(dumped);
    json_decref(value);
    gw_admin_answer_json(ex, status, &text);
}

void gw_admin_refuse(struct gw_exchange *ex, const char *problem, const char *detail)
{
    gw_problem_set(ex, problem, detail);
    gw_admin_respond(ex);
}

/* --- what was asked --- */

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* ptr NULL for a broken escape, a control, or without memory. */
static struct gw_str decode(struct gw_arena *arena, struct gw_str text)
{
    const struct gw_str none = {NULL, 0};
    char *out = gw_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    if (out == NULL)
        return none;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
            if (low < 0)
                return none;
            byte = (char)(unsigned char)(high * 16 + low);
            i += 2;
        }
        if ((unsigned char)byte < 0x20 || byte == 0x7f)
            return none;
        out[len++] = byte;
    }
    out[len] = '\0';
    return gw_str_from(out, len);
}

struct gw_str gw_admin_parameter(const struct gw_exchange *ex, size_t index)
{
    return index < ex->path_parameter_count ? ex->path_parameters[index] : GW_STR("");
}

struct gw_str gw_admin_query(struct gw_exchange *ex, struct gw_str name)
{
    struct gw_str rest = ex->request.query;
    struct gw_str pair;

    while (rest.len > 0 && gw_str_split(&rest, '&', &pair)) {
        size_t at = gw_str_find(pair, '=');
        if (at < pair.len && gw_str_equal(gw_str_from(pair.ptr, at), name))
            return decode(&ex->arena, gw_str_tail(pair, at + 1));
    }
    return (struct gw_str){NULL, 0};
}

struct gw_str gw_admin_who(struct gw_exchange *ex)
{
    const struct gw_str unix_prefix = GW_STR("unix:");
    struct gw_str who = ex->identity.consumer;

    if (who.len > 0)
        return who;
    if (gw_str_has_prefix(ex->request.peer, unix_prefix))
        who = gw_arena_printf(&ex->arena, "socket uid %.*s",
                              GW_STR_ARG(gw_str_tail(ex->request.peer, unix_prefix.len)));
    else
        who = gw_arena_printf(&ex->arena, "address %.*s", GW_STR_ARG(ex->request.peer));
    return who.ptr != NULL ? who : GW_STR("unknown");
}

/* --- finding --- */

static bool is_parameter(struct gw_str segment)
{
    return segment.len > 2 && segment.ptr[0] == '{';
}

/* Keeps the parameters only if all of the path fits. */
static bool is_path(const char *template_text, struct gw_exchange *ex)
{
    struct gw_str template_rest = gw_str_of(template_text);
    struct gw_str rest = ex->request.path;
    struct gw_str wanted, given;
    size_t count = 0;

    while (gw_str_split(&template_rest, '/', &wanted)) {
        if (!gw_str_split(&rest, '/', &given))
            return false;
        if (!is_parameter(wanted)) {
            if (!gw_str_equal(wanted, given))
                return false;
            continue;
        }
        struct gw_str value = decode(&ex->arena, given);
        if (value.len == 0 || count == GW_MAX_PATH_PARAMETERS)
            return false;
        ex->path_parameters[count++] = value;
    }
    if (rest.ptr != NULL)
        return false;
    ex->path_parameter_count = count;
    return true;
}

static bool is_method(const struct gw_admin_route *route, enum gw_method method)
{
    return method == route->method || (method == GW_METHOD_HEAD && route->method == GW_METHOD_GET);
}

static struct gw_str allow_more(struct gw_exchange *ex, struct gw_str allow, enum gw_method method)
{
    if (allow.ptr == NULL)
        return allow;
    return gw_arena_printf(&ex->arena, "%.*s%s%.*s%s", GW_STR_ARG(allow), allow.len > 0 ? ", " : "",
                           GW_STR_ARG(gw_method_name(method)),
                           method == GW_METHOD_GET ? ", HEAD" : "");
}

enum gw_admin_match gw_admin_route_find(const struct gw_admin_route *routes, struct gw_exchange *ex,
                                        const struct gw_admin_route **out_route,
                                        struct gw_str *out_allow)
{
    struct gw_str allow = GW_STR("");
    bool has_path = false;

    for (const struct gw_admin_route *route = routes; route->path != NULL; route++) {
        if (!is_path(route->path, ex))
            continue;
        if (is_method(route, ex->request.method)) {
            *out_route = route;
            return GW_ADMIN_FOUND;
        }
        has_path = true;
        allow = allow_more(ex, allow, route->method);
    }
    if (!has_path)
        return GW_ADMIN_NO_PATH;
    *out_allow = allow;
    return GW_ADMIN_NO_METHOD;
}

/* --- acts --- */

/* The request as the audit has it: where to, and what was asked for. Handlers whose body holds
 * secrets do not exist. */
static struct gw_str describe(struct gw_exchange *ex, const json_t *body)
{
    char *dumped = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    struct gw_str what = gw_arena_printf(
        &ex->arena, "%.*s %.*s%s%s", GW_STR_ARG(ex->request.method_name),
        GW_STR_ARG(ex->request.path), dumped != NULL ? " " : "", dumped != NULL ? dumped : "");
    free(dumped);
    return what;
}

static void answer(struct gw_server *server, const struct gw_admin_route *route,
                   struct gw_exchange *ex, const json_t *body)
{
    struct gw_admin_act *act = NULL;

    if (route->method != GW_METHOD_GET) {
        if (gw_admin_act_begin(server, route->act != NULL ? route->act : route->path,
                               gw_admin_who(ex), describe(ex, body), &act) != 0) {
            gw_admin_refuse(ex, "unavailable",
                            "The audit cannot be written, so nothing is changed.");
            return;
        }
        ex->handler_state = act;
    }
    route->answer(server, ex, body);
}

/* --- bodies --- */

static void release_value(void *value)
{
    json_decref(value);
}

static struct gw_str errors_of(struct gw_exchange *ex, const struct gw_diagnostics *diagnostics)
{
    struct gw_str text = GW_STR("\"errors\":[]");
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_BODY_BYTES);
    gw_buf_append_text(&buf, "\"errors\":[");
    for (size_t i = 0; i < diagnostics->count; i++) {
        gw_buf_append_text(&buf, i == 0 ? "{\"detail\":\"" : ",{\"detail\":\"");
        gw_buf_append_json(&buf, gw_str_of(diagnostics->findings[i].text));
        gw_buf_append_text(&buf, "\"}");
    }
    gw_buf_append_byte(&buf, ']');
    if (!buf.has_failed)
        text = gw_arena_copy(&ex->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return text;
}

/* The checked object, to be released; NULL when the exchange was answered. */
static json_t *check_body(struct gw_exchange *ex, const json_t *given,
                          const struct gw_option *fields)
{
    struct gw_diagnostics diagnostics;
    const struct gw_option_source source = {.diagnostics = &diagnostics, .is_literal = true};
    json_t *checked = NULL;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_option_check(&source, given, "", fields, &checked);
    if (rc == -ENOMEM) {
        gw_admin_refuse(ex, "overloaded", NULL);
    } else if (rc != 0) {
        gw_problem_set_with(ex, "invalid-body", "The body is not as this takes it.",
                            errors_of(ex, &diagnostics));
        gw_exchange_respond(ex);
    }
    gw_diagnostics_finish(&diagnostics);
    return rc == 0 ? checked : NULL;
}

static void read_body(struct gw_server *server, const struct gw_admin_route *route,
                      struct gw_exchange *ex)
{
    struct gw_str text = ex->request.body.len > 0 ? ex->request.body : GW_STR("{}");
    json_error_t reason;

    if (ex->is_body_over) {
        gw_admin_refuse(ex, "body-too-large", NULL);
        return;
    }
    json_t *given = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &reason);
    if (!json_is_object(given)) {
        json_decref(given);
        gw_admin_refuse(ex, "invalid-body", "The body must be one JSON object.");
        return;
    }
    json_t *checked = check_body(ex, given, route->fields);
    json_decref(given);
    if (checked == NULL)
        return;
    if (gw_arena_defer(&ex->arena, release_value, checked) != 0) {
        json_decref(checked);
        gw_admin_refuse(ex, "overloaded", NULL);
        return;
    }
    answer(server, route, ex, checked);
}

/* The exchange knows its path, not its route: it is found once more. */
static void on_body(struct gw_exchange *ex)
{
    const struct gw_admin_route *route = NULL;
    struct gw_str allow;

    if (gw_admin_route_find(gw_admin_routes, ex, &route, &allow) != GW_ADMIN_FOUND)
        gw_admin_refuse(ex, "not-found", NULL);
    else
        read_body(GW_CONTAINER_OF(ex->worker, struct gw_server, main_worker), route, ex);
}

void gw_admin_route_run(const struct gw_admin_route *route, struct gw_server *server,
                        struct gw_exchange *ex)
{
    if (route->fields == NULL)
        answer(server, route, ex, NULL);
    else
        gw_exchange_collect_body(ex, MAX_BODY_BYTES, on_body);
}
