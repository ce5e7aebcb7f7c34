/* Documents of the compiler: jansson trees and texts become tapes. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/json/schema_compiler.h"
#include "server/json/uri.h"

#define MAX_TREE_DEPTH GW_JSON_DEPTH_CEILING

void *schema_grow(struct gw_arena *arena, void *array, size_t count, size_t *capacity, size_t bytes)
{
    if (count < *capacity)
        return array;
    size_t larger = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = gw_arena_calloc(arena, larger, bytes);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, array, count * bytes);
    *capacity = larger;
    return grown;
}

int(schema_no_memory)(struct gw_error *error)
{
    return gw_error_set(error, -ENOMEM, "not enough memory for the schemas");
}

/* The shortest decimal that reads back as the same double. */
static void append_real(struct gw_buf *buf, double value)
{
    char text[40];

    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* a locale's decimal point */
    if (comma != NULL)
        *comma = '.';
    gw_buf_append_text(buf, text);
}

static bool append_tree(struct gw_buf *buf, const json_t *value, int depth);

static void append_quoted(struct gw_buf *buf, const char *text, size_t len)
{
    gw_buf_append_byte(buf, '"');
    gw_buf_append_json(buf, gw_str_from(text, len));
    gw_buf_append_byte(buf, '"');
}

static bool append_object(struct gw_buf *buf, const json_t *value, int depth)
{
    json_t *object = (json_t *)(uintptr_t)value;
    bool is_first = true;

    gw_buf_append_byte(buf, '{');
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        if (!is_first)
            gw_buf_append_byte(buf, ',');
        is_first = false;
        const char *name = json_object_iter_key(at);
        append_quoted(buf, name, json_object_iter_key_len(at));
        gw_buf_append_byte(buf, ':');
        if (!append_tree(buf, json_object_iter_value(at), depth + 1))
            return false;
    }
    gw_buf_append_byte(buf, '}');
    return true;
}

static bool append_array(struct gw_buf *buf, const json_t *value, int depth)
{
    gw_buf_append_byte(buf, '[');
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0)
            gw_buf_append_byte(buf, ',');
        if (!append_tree(buf, json_array_get(value, i), depth + 1))
            return false;
    }
    gw_buf_append_byte(buf, ']');
    return true;
}

static bool append_tree(struct gw_buf *buf, const json_t *value, int depth)
{
    if (depth > MAX_TREE_DEPTH)
        return false;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return append_object(buf, value, depth);
    case JSON_ARRAY:
        return append_array(buf, value, depth);
    case JSON_STRING:
        append_quoted(buf, json_string_value(value), json_string_length(value));
        return true;
    case JSON_INTEGER:
        gw_buf_printf(buf, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return true;
    case JSON_REAL:
        append_real(buf, json_real_value(value));
        return true;
    case JSON_TRUE:
        gw_buf_append_text(buf, "true");
        return true;
    case JSON_FALSE:
        gw_buf_append_text(buf, "false");
        return true;
    default:
        gw_buf_append_text(buf, "null");
        return true;
    }
}

struct document *schema_find_document(struct gw_schema_compiler *compiler, struct gw_str uri)
{
    for (struct document *document = compiler->documents; document != NULL;
         document = document->next) {
        if (gw_str_equal(document->uri, uri))
            return document;
    }
    return NULL;
}

int schema_add_tape(struct gw_schema_compiler *compiler, struct gw_str uri,
                    const struct gw_json_tape *tape, uint32_t root, struct gw_error *error)
{
    struct gw_arena *arena = &compiler->arena;
    struct gw_str own = gw_arena_copy(arena, gw_str_from(uri.ptr, gw_str_find(uri, '#')));

    if (own.ptr == NULL)
        return schema_no_memory(error);
    if (schema_find_document(compiler, own) != NULL)
        return gw_error_set(error, -EEXIST, "two documents have the address \"%.*s\"",
                            GW_STR_ARG(own));
    struct document *document = gw_arena_calloc(arena, 1, sizeof(*document));
    struct schema_node **nodes = gw_arena_calloc(arena, tape->count, sizeof(struct schema_node *));
    if (document == NULL || nodes == NULL)
        return schema_no_memory(error);
    *document = (struct document){.uri = own, .tape = *tape, .root = root, .nodes = nodes};
    uint32_t openapi = gw_json_get(tape, root, GW_STR("openapi"));
    document->is_openapi = openapi != GW_JSON_NONE && gw_json_type(tape, openapi) == GW_JSON_STRING;
    document->next = compiler->documents;
    compiler->documents = document;
    return 0;
}

int gw_schema_compiler_add_text(struct gw_schema_compiler *compiler, struct gw_str base_uri,
                                struct gw_str text, struct gw_error *error)
{
    struct gw_json_limits limits = {.max_bytes = 256u << 20, .max_depth = GW_JSON_DEPTH_CEILING};
    struct gw_json_tape tape;
    struct gw_json_error wrong;
    struct gw_str copy = gw_arena_copy(&compiler->arena, text);

    if (copy.ptr == NULL)
        return schema_no_memory(error);
    int rc = gw_json_read(&compiler->arena, copy, &limits, &tape, &wrong);
    if (rc != 0)
        return gw_error_set(error, rc, "line %zu, column %zu: %s", wrong.line, wrong.column,
                            wrong.text);
    return schema_add_tape(compiler, base_uri, &tape, 0, error);
}

int gw_schema_compiler_add_document(struct gw_schema_compiler *compiler, struct gw_str base_uri,
                                    const json_t *root, struct gw_error *error)
{
    struct gw_buf buf;

    gw_buf_init(&buf, compiler->options.max_bytes);
    bool is_whole = append_tree(&buf, root, 0);
    int rc = !is_whole ? gw_error_set(error, -EMSGSIZE, "the document is nested too deeply")
             : buf.has_failed
                 ? schema_no_memory(error)
                 : gw_schema_compiler_add_text(compiler, base_uri, gw_buf_str(&buf), error);
    gw_buf_finish(&buf);
    return rc;
}
