/* Which keywords a resource knows: by its $schema, the vocabularies of its metaschema, or the
 * dialect of its document. */
#include <errno.h>

#include "server/json/schema_compiler.h"

#define OPENAPI_DIALECTS "https://spec.openapis.org/oas/3.1/dialect/"
#define VOCABULARY_COMMON                                                                  \
    (VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_VALIDATION | VOCABULARY_FORMAT | \
     VOCABULARY_CONTENT | VOCABULARY_META)

static const struct {
    struct gw_str uri; /* without the scheme, and the empty fragment that drafts put behind it */
    enum draft draft;
    unsigned vocabularies;
} known[] = {
    {GW_STR_INIT("json-schema.org/draft/2020-12/schema"), DRAFT_2020_12, VOCABULARY_DEFAULT},
    {GW_STR_INIT("json-schema.org/2020-12/schema"), DRAFT_2020_12, VOCABULARY_DEFAULT}, /* B2MML */
    {GW_STR_INIT("json-schema.org/draft/2019-09/schema"), DRAFT_2019_09, VOCABULARY_DEFAULT},
    {GW_STR_INIT("json-schema.org/draft-07/schema"), DRAFT_07, VOCABULARY_COMMON},
    {GW_STR_INIT("json-schema.org/draft-06/schema"), DRAFT_07, VOCABULARY_COMMON},
};

static const struct {
    struct gw_str name; /* behind ".../draft/<draft>/vocab/" */
    unsigned vocabulary;
} vocabularies[] = {
    {GW_STR_INIT("core"), VOCABULARY_CORE},
    {GW_STR_INIT("applicator"), VOCABULARY_APPLICATOR},
    {GW_STR_INIT("unevaluated"), VOCABULARY_UNEVALUATED},
    {GW_STR_INIT("validation"), VOCABULARY_VALIDATION},
    {GW_STR_INIT("format-annotation"), VOCABULARY_FORMAT},
    {GW_STR_INIT("format-assertion"), VOCABULARY_FORMAT | VOCABULARY_FORMAT_ASSERTION},
    {GW_STR_INIT("format"), VOCABULARY_FORMAT}, /* 2019-09 */
    {GW_STR_INIT("content"), VOCABULARY_CONTENT},
    {GW_STR_INIT("meta-data"), VOCABULARY_META},
};

/* The bit of the vocabulary `uri`, or 0. */
static unsigned find_vocabulary(struct gw_str uri)
{
    static const struct gw_str prefixes[] = {
        GW_STR_INIT("https://json-schema.org/draft/2020-12/vocab/"),
        GW_STR_INIT("https://json-schema.org/draft/2019-09/vocab/"),
    };

    if (gw_str_has_prefix(uri, GW_STR("https://spec.openapis.org/oas/3.1/vocab/base")))
        return VOCABULARY_OPENAPI;
    for (size_t i = 0; i < GW_COUNT_OF(prefixes); i++) {
        if (!gw_str_has_prefix(uri, prefixes[i]))
            continue;
        struct gw_str name = gw_str_tail(uri, prefixes[i].len);
        for (size_t j = 0; j < GW_COUNT_OF(vocabularies); j++) {
            if (gw_str_equal(name, vocabularies[j].name))
                return vocabularies[j].vocabulary;
        }
    }
    return 0;
}

/* Reads the `$vocabulary` object at `at` of the metaschema. */
static int read_vocabularies(struct gw_schema_compiler *compiler, struct document *document,
                             uint32_t at, unsigned *out_vocabularies, struct gw_error *error)
{
    const struct gw_json_tape *tape = &document->tape;
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    unsigned found = VOCABULARY_CORE;

    while (gw_json_step(tape, &cursor)) {
        struct gw_str uri = gw_json_string(tape, cursor.name);
        unsigned vocabulary = find_vocabulary(uri);
        if (vocabulary == 0 && gw_json_type(tape, cursor.value) == GW_JSON_TRUE)
            return schema_refuse_at(compiler, document, at, -EINVAL, error,
                                    "the vocabulary \"%.*s\" is required, but not known here",
                                    GW_STR_ARG(uri));
        found |= vocabulary;
    }
    *out_vocabularies = found;
    return 0;
}

/* A metaschema that is not one of the known ones: its $vocabulary decides. */
static int speak_custom(struct gw_schema_compiler *compiler, struct resource *resource,
                        struct gw_str uri, struct gw_error *error)
{
    struct document *document = NULL;
    uint32_t at = 0;

    int rc = schema_resolve(compiler, resource, uri, &document, &at, error);
    if (rc != 0)
        return gw_error_prefix(error, rc, "the dialect \"%.*s\"", GW_STR_ARG(uri));
    uint32_t vocabulary = gw_json_get(&document->tape, at, GW_STR("$vocabulary"));
    if (vocabulary == GW_JSON_NONE || gw_json_type(&document->tape, vocabulary) != GW_JSON_OBJECT)
        return 0;
    return read_vocabularies(compiler, document, vocabulary, &resource->vocabularies, error);
}

static int speak_uri(struct gw_schema_compiler *compiler, struct resource *resource,
                     struct gw_str uri, struct gw_error *error)
{
    struct gw_str plain = uri;

    if (gw_str_has_suffix(plain, GW_STR("#")))
        plain.len--;
    if (gw_str_has_prefix(plain, GW_STR(OPENAPI_DIALECTS))) {
        resource->vocabularies |= VOCABULARY_OPENAPI;
        return 0;
    }
    size_t slashes = gw_str_has_prefix(plain, GW_STR("https://"))  ? 8
                     : gw_str_has_prefix(plain, GW_STR("http://")) ? 7
                                                                   : 0;
    struct gw_str name = gw_str_tail(plain, slashes); /* both schemes are in use */
    for (size_t i = 0; i < GW_COUNT_OF(known); i++) {
        if (gw_str_equal(name, known[i].uri)) {
            resource->draft = known[i].draft;
            resource->vocabularies = known[i].vocabularies;
            return 0;
        }
    }
    if (gw_str_has_prefix(name, GW_STR("json-schema.org/draft-0")))
        return gw_error_set(error, -EINVAL,
                            "schemas of \"%.*s\" are too old: 2020-12, 2019-09 and "
                            "draft-07 are read",
                            GW_STR_ARG(uri));
    return speak_custom(compiler, resource, plain, error);
}

static struct gw_str string_member(const struct document *document, uint32_t at, struct gw_str name)
{
    uint32_t value = gw_json_get(&document->tape, at, name);

    if (value == GW_JSON_NONE || gw_json_type(&document->tape, value) != GW_JSON_STRING)
        return (struct gw_str){NULL, 0};
    return gw_json_string(&document->tape, value);
}

int schema_speak(struct gw_schema_compiler *compiler, struct resource *resource,
                 struct gw_error *error)
{
    struct document *document = resource->document;

    if (resource->is_spoken)
        return 0;
    resource->is_spoken = true;
    resource->draft = DRAFT_2020_12;
    resource->vocabularies = VOCABULARY_DEFAULT;
    if (document->dialect != GW_SCHEMA_2020_12)
        resource->vocabularies |= VOCABULARY_OPENAPI;
    if (document->dialect == GW_SCHEMA_OPENAPI_30) {
        resource->draft = DRAFT_OPENAPI_30;
        return 0;
    }
    struct gw_str uri = string_member(document, resource->at, GW_STR("$schema"));
    if (uri.ptr == NULL && resource->parent == NODE_NONE && document->is_openapi)
        uri = string_member(document, resource->at, GW_STR("jsonSchemaDialect"));
    if (uri.ptr != NULL) {
        int rc = speak_uri(compiler, resource, uri, error);
        if (rc != 0 && error->where[0] == '\0')
            return schema_refuse_at(compiler, document, resource->at, rc, error, "%s",
                                    gw_str_of(error->text).ptr);
        return rc;
    }
    if (resource->parent != NODE_NONE) {
        struct resource *around = document->resources[resource->parent];
        int rc = schema_speak(compiler, around, error);
        if (rc != 0)
            return rc;
        resource->draft = around->draft;
        resource->vocabularies = around->vocabularies;
    }
    return 0;
}
