#include "server/contract/event_types.h"

#include <errno.h>
#include <stdlib.h>

#include "server/contract/media.h"
#include "server/contract/resolve.h"
#include "server/core/map.h"
#include "server/core/scope.h"

#define BLOCK_BYTES (16 * 1024)
#define MAX_BYTES (32u << 20)
#define MAX_FILES 64
#define MAX_TYPES 10000

struct gw_event_types {
    struct gw_arena arena;
    struct gw_map by_name;
    struct gw_event_type *items;
    size_t count;
    struct gw_schema_set *schemas;
};

struct loading {
    struct gw_event_types *types;
    struct gw_arena scratch;
    struct gw_reference_resolver resolver;
    struct gw_schema_compiler *compiler;
    struct gw_place root;
    bool has_no_memory;
};

#define report(loading, place, ...) \
    gw_place_report(&(loading)->resolver, place, GW_SEVERITY_ERROR, __VA_ARGS__)

/* --- schemas --- */

static int add_file(struct loading *loading, struct gw_contract_file *file, struct gw_error *error)
{
    if (file->is_in_compiler)
        return 0;
    file->is_in_compiler = true;
    return gw_schema_compiler_add_document(loading->compiler, file->uri, file->document->root,
                                           error);
}

static int load_document(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                         struct gw_error *error)
{
    struct loading *loading = self;
    struct gw_contract_file *file;
    struct gw_str name = gw_reference_resolver_name(&loading->resolver, NULL, uri, error);

    (void)compiler; /* is loading->compiler */
    if (name.ptr == NULL || gw_reference_resolver_open(&loading->resolver, name, &file, error) != 0)
        return -EINVAL;
    return add_file(loading, file, error);
}

static void report_schema(void *self, const struct gw_error *error)
{
    struct loading *loading = self;

    gw_document_report(loading->root.file->document, error->where, GW_SEVERITY_ERROR,
                       loading->resolver.diagnostics, "%s", error->text);
}

static void add_schema(struct loading *loading, const struct gw_place *schema,
                       struct gw_event_type *type)
{
    struct gw_error error = {.text = ""};
    struct gw_buf pointer;

    gw_buf_init(&pointer, 65536);
    gw_place_write_pointer(schema, &pointer);
    int rc = pointer.has_failed ? -ENOMEM : add_file(loading, schema->file, &error);
    if (rc == 0)
        rc =
            gw_schema_compiler_add_entry(loading->compiler, schema->file->uri, gw_buf_str(&pointer),
                                         GW_SCHEMA_2020_12, &type->schema, &error);
    gw_buf_finish(&pointer);
    if (rc == -ENOMEM)
        loading->has_no_memory = true;
    else if (rc != 0)
        report(loading, schema, "%s", error.text);
}

/* --- messages --- */

static struct gw_str text_of(struct loading *loading, const struct gw_place *place, const char *key)
{
    const json_t *value = json_object_get(place->value, key);
    struct gw_str text = gw_str_from(json_string_value(value), json_string_length(value));

    if (text.ptr == NULL)
        return GW_STR("");
    text = gw_arena_copy(&loading->types->arena, text);
    loading->has_no_memory |= text.ptr == NULL;
    return text.ptr != NULL ? text : GW_STR("");
}

/* The `const` of its property `type`, here or in the parts that all must hold. */
static const char *type_of_payload(struct loading *loading, const struct gw_place *given, int depth)
{
    struct gw_place schema;

    if (depth > 4 || !json_is_object(given->value) ||
        gw_reference_resolver_follow_schema(&loading->resolver, given, &schema) != 0)
        return NULL;
    struct gw_place properties = gw_place_member(&schema, "properties");
    struct gw_place type = gw_place_member(&properties, "type");
    const char *name = json_string_value(json_object_get(type.value, "const"));
    struct gw_place all = gw_place_member(&schema, "allOf");
    for (size_t i = 0; name == NULL && i < json_array_size(all.value); i++) {
        struct gw_place part = gw_place_item(&all, i);
        name = type_of_payload(loading, &part, depth + 1);
    }
    return name;
}

/* A Multi Format Schema Object says which language the schema is in. */
static struct gw_place schema_of(struct loading *loading, const struct gw_place *payload)
{
    struct gw_place format = gw_place_member(payload, "schemaFormat");
    struct gw_place schema = gw_place_member(payload, "schema");
    const char *text = json_string_value(format.value);

    if (format.value == NULL || schema.value == NULL)
        return *payload;
    bool is_known = text != NULL && (strncmp(text, "application/schema+", 19) == 0 ||
                                     strncmp(text, "application/vnd.aai.asyncapi", 28) == 0);
    if (!is_known)
        report(loading, &format, "schemaFormat is not read: JSON Schema is");
    /* Its parent is the caller's. */
    return schema;
}

static void read_content_type(struct loading *loading, const struct gw_place *message,
                              struct gw_event_type *type)
{
    struct gw_place own = gw_place_member(message, "contentType");
    struct gw_place usual = gw_place_member(&loading->root, "defaultContentType");
    const struct gw_place *place = own.value != NULL ? &own : &usual;
    const char *text = json_string_value(place->value);
    struct gw_str range;

    if (place->value == NULL) {
        type->is_whole = true;
        return;
    }
    if (text == NULL || !gw_media_parse(gw_str_of(text), &range) || !gw_media_is_json(range)) {
        report(loading, place, "the content type of a message is a JSON one");
        return;
    }
    type->is_whole = gw_str_equal_nocase(range, GW_STR("application/cloudevents+json"));
}

static void add_type(struct loading *loading, const struct gw_place *message,
                     const struct gw_place *schema, const struct gw_event_type *type)
{
    struct gw_event_types *types = loading->types;

    if (types->count == MAX_TYPES) {
        report(loading, message, "more than %d messages", MAX_TYPES);
        return;
    }
    struct gw_event_type *kept = &types->items[types->count];
    *kept = *type;
    int rc = gw_map_add(&types->by_name, kept->name, kept);
    if (rc == -EEXIST) {
        report(loading, message, "another message has the type \"%.*s\", too",
               GW_STR_ARG(kept->name));
        return;
    }
    loading->has_no_memory |= rc != 0;
    types->count++;
    add_schema(loading, schema, kept);
}

static void read_message(struct loading *loading, const struct gw_place *given)
{
    struct gw_place message;
    struct gw_event_type type = {.schema = 0};

    if (gw_reference_resolver_follow(&loading->resolver, given, &message) != 0)
        return;
    struct gw_place payload = gw_place_member(&message, "payload");
    if (!json_is_object(payload.value)) {
        report(loading, &message, "a message without a payload describes no event");
        return;
    }
    struct gw_place schema = schema_of(loading, &payload);
    read_content_type(loading, &message, &type);
    const char *name = type.is_whole ? type_of_payload(loading, &schema, 0) : NULL;
    type.name = name != NULL ? gw_arena_copy(&loading->types->arena, gw_str_of(name))
                             : text_of(loading, &message, "name");
    type.title = text_of(loading, &message, "title");
    if (type.name.len == 0) {
        report(loading, &message,
               "which event it is is not said: neither by the payload's const for `type`, nor by "
               "`name`");
        return;
    }
    add_type(loading, &message, &schema, &type);
}

static bool check_version(struct loading *loading)
{
    struct gw_place version = gw_place_member(&loading->root, "asyncapi");
    const char *text = json_string_value(version.value);

    if (text != NULL && (strncmp(text, "3.0.", 4) == 0 || strncmp(text, "3.1.", 4) == 0))
        return true;
    report(loading, version.value != NULL ? &version : &loading->root,
           "an AsyncAPI document of version 3.0 or 3.1 is wanted");
    return false;
}

static void read_messages(struct loading *loading)
{
    struct gw_place components = gw_place_member(&loading->root, "components");
    struct gw_place messages = gw_place_member(&components, "messages");
    const char *key;
    json_t *value;

    if (!check_version(loading))
        return;
    size_t count = json_object_size(messages.value);
    if (count == 0) {
        report(loading, &loading->root, "there are no messages in components.messages");
        return;
    }
    loading->types->items =
        gw_arena_calloc(&loading->types->arena, count, sizeof(*loading->types->items));
    if (loading->types->items == NULL) {
        loading->has_no_memory = true;
        return;
    }
    json_object_foreach((json_t *)messages.value, key, value)
    {
        struct gw_place message = gw_place_member(&messages, key);
        read_message(loading, &message);
    }
}

/* --- life --- */

static int load(struct loading *loading, const char *path)
{
    struct gw_diagnostics *diagnostics = loading->resolver.diagnostics;
    size_t errors = diagnostics->error_count;
    struct gw_error error = {.text = ""};

    gw_schema_compiler_set_loader(loading->compiler, load_document, loading);
    gw_schema_compiler_set_reporter(loading->compiler, report_schema, loading);
    loading->resolver.max_files = MAX_FILES;
    loading->resolver.max_bytes = MAX_BYTES;
    int rc = gw_reference_resolver_init(&loading->resolver, &loading->scratch, diagnostics,
                                        GW_STR(""), path);
    if (rc != 0)
        return rc;
    loading->root = gw_place_of_root(loading->resolver.files);
    read_messages(loading);
    if (loading->has_no_memory)
        return -ENOMEM;
    if (diagnostics->error_count > errors)
        return -EINVAL;
    rc = gw_schema_compiler_finish(loading->compiler, &loading->types->schemas, &error);
    return rc != 0 && rc != -ENOMEM ? -EINVAL : rc;
}

int gw_event_types_load(const char *path, struct gw_diagnostics *diagnostics,
                        struct gw_event_types **out_types)
{
    const struct gw_schema_options options = {.assert_format = true};
    struct loading loading = {.resolver = {.diagnostics = diagnostics}};

    loading.types = calloc(1, sizeof(*loading.types));
    loading.compiler = gw_schema_compiler_create(&options);
    gw_arena_init(&loading.scratch, BLOCK_BYTES, MAX_BYTES);
    int rc = loading.types == NULL || loading.compiler == NULL ? -ENOMEM : 0;
    if (rc == 0) {
        gw_arena_init(&loading.types->arena, BLOCK_BYTES, MAX_BYTES);
        gw_map_init(&loading.types->by_name, MAX_TYPES);
        loading.resolver.arena = &loading.scratch;
        rc = load(&loading, path);
        gw_reference_resolver_finish(&loading.resolver);
    }
    if (rc == -ENOMEM)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, path, 0, 0,
                           "not enough memory for the types of events");
    gw_schema_compiler_destroy(loading.compiler);
    gw_arena_finish(&loading.scratch);
    if (rc != 0)
        gw_event_types_destroy(loading.types);
    else
        *out_types = loading.types;
    return rc;
}

void gw_event_types_destroy(struct gw_event_types *types)
{
    if (types == NULL)
        return;
    gw_schema_set_destroy(types->schemas);
    gw_map_finish(&types->by_name);
    gw_arena_finish(&types->arena);
    free(types);
}

/* --- asking --- */

size_t gw_event_types_count(const struct gw_event_types *types)
{
    return types->count;
}

const struct gw_event_type *gw_event_types_at(const struct gw_event_types *types, size_t index)
{
    return &types->items[index];
}

const struct gw_event_type *gw_event_types_find(const struct gw_event_types *types,
                                                struct gw_str name)
{
    return gw_map_get(&types->by_name, name);
}

static int validate(const struct gw_event_types *types, const struct gw_event_type *type,
                    struct gw_str text, const struct gw_schema_run *run, struct gw_violations *out)
{
    struct gw_json_error why;
    struct gw_json_tape tape;
    int rc = gw_json_read(run->arena, text, NULL, &tape, &why);

    return rc != 0 ? rc : gw_schema_validate(types->schemas, type->schema, &tape, run, out);
}

int gw_event_type_validate(const struct gw_event_types *types, const struct gw_event_type *type,
                           const struct gw_event *event, struct gw_arena *arena,
                           size_t max_violations, struct gw_violations *out)
{
    const struct gw_schema_run run = {.arena = arena, .max_violations = max_violations};
    struct gw_str text = event->data.len > 0 ? event->data : GW_STR("null");
    struct gw_buf whole;

    *out = (struct gw_violations){0};
    gw_buf_init(&whole, (size_t)2 * GW_EVENT_MAX_BYTES);
    if (type->is_whole) {
        gw_event_write(event, &whole);
        text = (struct gw_str){0};
        if (!whole.has_failed)
            text = gw_arena_copy(arena, gw_buf_str(&whole));
    }
    gw_buf_finish(&whole);
    int rc = text.ptr == NULL ? -ENOMEM : validate(types, type, text, &run, out);
    for (size_t i = 0; !type->is_whole && i < out->count; i++) {
        out->items[i].instance =
            gw_arena_printf(arena, "/data%.*s", GW_STR_ARG(out->items[i].instance));
        if (out->items[i].instance.ptr == NULL)
            return -ENOMEM;
    }
    return rc;
}
