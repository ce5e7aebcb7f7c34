/* Places in a document: a walk over the graph by a JSON Pointer (RFC 6901). */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "server/json/yaml_graph.h"

/* One reference token against a key, unescaped on the fly (~1 is "/", ~0 is "~"). */
static bool token_equals(struct gw_str token, struct gw_str key)
{
    size_t at = 0;

    for (size_t i = 0; i < token.len; i++, at++) {
        char byte = token.ptr[i];
        if (byte == '~' && i + 1 < token.len &&
            (token.ptr[i + 1] == '0' || token.ptr[i + 1] == '1'))
            byte = token.ptr[++i] == '1' ? '/' : '~';
        if (at == key.len || key.ptr[at] != byte)
            return false;
    }
    return at == key.len;
}

static const struct gw_yaml_node *find_key(const struct gw_yaml_node *map, struct gw_str token);

/* In what the value of a "<<" brings in. */
static const struct gw_yaml_node *find_merged(const struct gw_yaml_node *value, struct gw_str token)
{
    const struct gw_yaml_node *target = gw_yaml_node_target(value);
    const struct gw_yaml_node *found = NULL;

    if (target->kind == GW_YAML_MAP)
        return find_key(target, token);
    for (const struct gw_yaml_node *item = target->first; item != NULL && found == NULL;
         item = item->next)
        found = find_key(gw_yaml_node_target(item), token);
    return found;
}

static const struct gw_yaml_node *find_key(const struct gw_yaml_node *map, struct gw_str token)
{
    const struct gw_yaml_node *merged = NULL;

    for (const struct gw_yaml_node *key = map->first; key != NULL; key = key->next->next)
        if (gw_yaml_node_is_merge(key))
            merged = key->next;
        else if (token_equals(token, gw_yaml_node_target(key)->text))
            return key;
    return merged != NULL ? find_merged(merged, token) : NULL;
}

static const struct gw_yaml_node *find_item(const struct gw_yaml_node *list, struct gw_str token)
{
    uint64_t index;

    if (gw_str_to_u64(token, &index) != 0)
        return NULL;
    const struct gw_yaml_node *item = list->first;
    for (; item != NULL && index > 0; index--)
        item = item->next;
    return item;
}

struct found {
    const struct gw_yaml_node *key; /* or the list's item; the root's own node */
    const struct gw_yaml_node *value;
};

/* Follows the pointer as far as it leads; true if to its end. */
static bool walk(const struct gw_yaml_node *root, const char *pointer, struct found *found)
{
    struct gw_str rest = gw_str_of(pointer);
    struct gw_str token;

    *found = (struct found){root, root};
    if (rest.len == 0)
        return true;
    if (rest.ptr[0] != '/')
        return false;
    rest = gw_str_tail(rest, 1);
    while (gw_str_split(&rest, '/', &token)) {
        const struct gw_yaml_node *target = gw_yaml_node_target(found->value);
        const struct gw_yaml_node *key = target->kind == GW_YAML_MAP    ? find_key(target, token)
                                         : target->kind == GW_YAML_LIST ? find_item(target, token)
                                                                        : NULL;
        if (key == NULL)
            return false;
        *found = (struct found){key, target->kind == GW_YAML_MAP ? key->next : key};
    }
    return true;
}

static bool locate(struct gw_document *document, const char *pointer, bool want_key,
                   struct gw_position *out_position)
{
    struct found found;

    *out_position = (struct gw_position){0, 0};
    if (document->graph == NULL && gw_yaml_graph_load(document, &document->graph) != 0)
        return false;
    assert(document->graph != NULL);
    bool is_there = walk(document->graph->root, pointer, &found);
    *out_position = want_key ? found.key->position : found.value->position;
    return is_there;
}

bool gw_document_locate(struct gw_document *document, const char *pointer,
                        struct gw_position *out_position)
{
    return locate(document, pointer, false, out_position);
}

bool gw_document_locate_key(struct gw_document *document, const char *pointer,
                            struct gw_position *out_position)
{
    return locate(document, pointer, true, out_position);
}

GW_PRINTF(5, 0)
static void report(struct gw_document *document, struct gw_position position,
                   enum gw_severity severity, struct gw_diagnostics *diagnostics,
                   const char *format, va_list args)
{
    char text[500];

    vsnprintf(text, sizeof(text), format, args);
    gw_diagnostics_add(diagnostics, severity, document->file, position.line, position.column, "%s",
                       text);
}

void gw_document_report(struct gw_document *document, const char *pointer,
                        enum gw_severity severity, struct gw_diagnostics *diagnostics,
                        const char *format, ...)
{
    struct gw_position position;
    va_list args;

    gw_document_locate(document, pointer, &position);
    va_start(args, format);
    report(document, position, severity, diagnostics, format, args);
    va_end(args);
}

void gw_document_report_key(struct gw_document *document, const char *pointer,
                            enum gw_severity severity, struct gw_diagnostics *diagnostics,
                            const char *format, ...)
{
    struct gw_position position;
    va_list args;

    gw_document_locate_key(document, pointer, &position);
    va_start(args, format);
    report(document, position, severity, diagnostics, format, args);
    va_end(args);
}
