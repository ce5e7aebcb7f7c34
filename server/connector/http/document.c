#include "server/connector/http/document.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "server/contract/media.h"
#include "server/core/arena.h"
#include "server/core/diagnostic.h"
#include "server/core/scope.h"
#include "server/json/pointer.h"
#include "server/json/yaml.h"

#define MAX_OPERATIONS 5000
#define MAX_PARAMETERS 100
#define MAX_REFERENCES 16 /* one leads to the next */

static const char *const methods[] = {"get", "put", "post", "delete", "patch", "head", "options"};

struct reading {
    struct gw_arena *arena;
    const json_t *root;
    struct http_operation *operations;
    size_t count;
    struct gw_error *error;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static struct gw_str copy_text(struct reading *reading, const json_t *object, const char *key)
{
    return gw_arena_copy(reading->arena, gw_str_of(text_of(object, key)));
}

static const json_t *find(const json_t *at, struct gw_str pointer)
{
    char token[512];

    while (at != NULL && pointer.len > 0) {
        ssize_t len = pointer.len < sizeof(token) ? gw_pointer_shift(&pointer, token) : -1;
        if (len < 0)
            return NULL;
        token[len] = '\0';
        at = json_object_get(at, token);
    }
    return at;
}

/* NULL: it leads nowhere. */
static const json_t *follow(const struct reading *reading, const json_t *value)
{
    for (int i = 0; i < MAX_REFERENCES; i++) {
        const char *reference = json_string_value(json_object_get(value, "$ref"));
        if (reference == NULL)
            return value;
        if (reference[0] != '#')
            return NULL;
        value = find(reading->root, gw_str_of(reference + 1));
    }
    return NULL;
}

/* --- parameters --- */

static int read_place(const json_t *from, enum gw_parameter_place *out_place)
{
    static const char *const names[] = {[GW_IN_PATH] = "path",
                                        [GW_IN_QUERY] = "query",
                                        [GW_IN_HEADER] = "header",
                                        [GW_IN_COOKIE] = "cookie"};

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (strcmp(text_of(from, "in"), names[i]) == 0) {
            *out_place = (enum gw_parameter_place)i;
            return 0;
        }
    }
    return -EINVAL;
}

static enum gw_parameter_style read_style(const json_t *from, enum gw_parameter_place place)
{
    static const char *const names[] = {
        [GW_STYLE_SIMPLE] = "simple",
        [GW_STYLE_LABEL] = "label",
        [GW_STYLE_MATRIX] = "matrix",
        [GW_STYLE_FORM] = "form",
        [GW_STYLE_SPACE_DELIMITED] = "spaceDelimited",
        [GW_STYLE_PIPE_DELIMITED] = "pipeDelimited",
        [GW_STYLE_DEEP_OBJECT] = "deepObject",
    };

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (strcmp(text_of(from, "style"), names[i]) == 0)
            return (enum gw_parameter_style)i;
    }
    return place == GW_IN_PATH || place == GW_IN_HEADER ? GW_STYLE_SIMPLE : GW_STYLE_FORM;
}

static int read_parameter(struct reading *reading, const json_t *given, struct gw_parameter *out)
{
    const json_t *from = follow(reading, given);
    const json_t *explode = json_object_get(from, "explode");

    *out = (struct gw_parameter){.schema = GW_NO_SCHEMA};
    if (from == NULL || read_place(from, &out->place) != 0 || text_of(from, "name")[0] == '\0')
        return gw_error_set(reading->error, -EINVAL,
                            "a parameter lacks its name or place, or its reference leads nowhere");
    out->name = copy_text(reading, from, "name");
    out->style = read_style(from, out->place);
    out->explode = explode != NULL ? json_is_true(explode) : out->style == GW_STYLE_FORM;
    out->is_required = json_is_true(json_object_get(from, "required"));
    out->is_json = json_object_get(json_object_get(from, "content"), "application/json") != NULL;
    return out->name.ptr == NULL ? -ENOMEM : 0;
}

/* An operation's own parameter stands for one of its path of the same name and place. */
static void put_parameter(struct gw_parameter *list, size_t *count,
                          const struct gw_parameter *parameter)
{
    for (size_t i = 0; i < *count; i++) {
        if (list[i].place == parameter->place && gw_str_equal(list[i].name, parameter->name)) {
            list[i] = *parameter;
            return;
        }
    }
    list[(*count)++] = *parameter;
}

static int read_parameters(struct reading *reading, const json_t *given, struct gw_parameter *list,
                           size_t *count)
{
    size_t index;
    json_t *item;

    json_array_foreach(given, index, item)
    {
        struct gw_parameter parameter;
        int rc = read_parameter(reading, item, &parameter);
        if (rc == 0 && *count == MAX_PARAMETERS)
            rc = gw_error_set(reading->error, -EINVAL, "more than %d parameters", MAX_PARAMETERS);
        if (rc != 0)
            return rc;
        put_parameter(list, count, &parameter);
    }
    return 0;
}

/* Those of the path and its own. */
static int read_all_parameters(struct reading *reading, const json_t *item, const json_t *from,
                               struct http_operation *operation)
{
    struct gw_parameter list[MAX_PARAMETERS];
    size_t count = 0;
    int rc = read_parameters(reading, json_object_get(item, "parameters"), list, &count);

    if (rc == 0)
        rc = read_parameters(reading, json_object_get(from, "parameters"), list, &count);
    if (rc != 0)
        return rc;
    struct gw_parameter *kept = gw_arena_calloc(reading->arena, count + 1, sizeof(*kept));
    if (kept == NULL)
        return -ENOMEM;
    memcpy(kept, list, count * sizeof(*kept));
    operation->parameters = kept;
    operation->parameter_count = count;
    return 0;
}

/* --- operations --- */

static struct gw_str choose_body_type(struct reading *reading, const json_t *operation)
{
    const json_t *body = follow(reading, json_object_get(operation, "requestBody"));
    json_t *content = json_object_get(body, "content");
    const char *chosen = json_object_iter_key(json_object_iter(content));
    const char *name;
    json_t *unused;

    json_object_foreach(content, name, unused)
    {
        struct gw_str range;
        if (gw_media_parse(gw_str_of(name), &range) && gw_media_is_json(range)) {
            chosen = name;
            break;
        }
    }
    return chosen == NULL ? GW_STR("") : gw_arena_copy(reading->arena, gw_str_of(chosen));
}

static int read_operation(struct reading *reading, const char *path, const char *method,
                          const json_t *item)
{
    const json_t *from = json_object_get(item, method);
    struct http_operation *operation = &reading->operations[reading->count];

    if (text_of(from, "operationId")[0] == '\0')
        return 0;
    if (reading->count == MAX_OPERATIONS)
        return gw_error_set(reading->error, -EINVAL, "more than %d operations", MAX_OPERATIONS);
    operation->id = copy_text(reading, from, "operationId");
    operation->path = gw_arena_copy(reading->arena, gw_str_of(path));
    for (enum gw_method at = 0; at < GW_METHOD_COUNT; at++) {
        if (gw_str_equal_nocase(gw_method_name(at), gw_str_of(method)))
            operation->method = gw_method_name(at);
    }
    operation->body_type = choose_body_type(reading, from);
    if (operation->id.ptr == NULL || operation->path.ptr == NULL ||
        operation->body_type.ptr == NULL)
        return -ENOMEM;
    int rc = read_all_parameters(reading, item, from, operation);
    if (rc != 0)
        return gw_error_prefix(reading->error, rc, "%.*s", GW_STR_ARG(operation->id));
    reading->count++;
    return 0;
}

static int read_paths(struct reading *reading)
{
    const char *path;
    json_t *given;

    json_object_foreach(json_object_get(reading->root, "paths"), path, given)
    {
        const json_t *item = follow(reading, given);
        for (size_t i = 0; i < GW_COUNT_OF(methods); i++) {
            int rc = read_operation(reading, path, methods[i], item);
            if (rc != 0)
                return rc;
        }
    }
    return reading->count > 0
               ? 0
               : gw_error_set(reading->error, -EINVAL, "it has no operation with an operationId");
}

static int read_root(struct reading *reading, struct http_document *out)
{
    const char *version = text_of(reading->root, "openapi");

    if (strncmp(version, "3.0.", 4) != 0 && strncmp(version, "3.1.", 4) != 0)
        return gw_error_set(reading->error, -EINVAL, "it is no OpenAPI document of 3.0 or 3.1");
    reading->operations =
        gw_arena_calloc(reading->arena, MAX_OPERATIONS + 1, sizeof(*reading->operations));
    int rc = reading->operations == NULL ? -ENOMEM : read_paths(reading);
    if (rc == 0)
        *out = (struct http_document){reading->operations, reading->count};
    return rc;
}

int http_document_read(struct gw_arena *arena, struct gw_str text, struct http_document *out,
                       struct gw_error *error)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_document_load(text, "openapi", &diagnostics, &document);

    if (rc == 0) {
        struct reading reading = {.arena = arena, .root = document->root, .error = error};
        rc = read_root(&reading, out);
    } else if (rc == -EINVAL) {
        rc = gw_diagnostics_to_error(&diagnostics, rc, error);
    }
    if (rc == -ENOMEM)
        gw_error_set(error, rc, "out of memory");
    gw_document_destroy(document);
    gw_diagnostics_finish(&diagnostics);
    return rc;
}

const struct http_operation *http_document_find(const struct http_document *document,
                                                struct gw_str id)
{
    for (size_t i = 0; i < document->count; i++) {
        if (gw_str_equal(document->operations[i].id, id))
            return &document->operations[i];
    }
    return NULL;
}
