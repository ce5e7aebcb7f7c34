/* The table of keywords. */
#include <stdlib.h>

#include "server/json/schema_compiler.h"

#define D20 (1u << DRAFT_2020_12)
#define D19 (1u << DRAFT_2019_09)
#define D07 (1u << DRAFT_07)
#define O30 (1u << DRAFT_OPENAPI_30)
#define MODERN (D20 | D19)
#define JSON_SCHEMA (D20 | D19 | D07)
#define ALL (JSON_SCHEMA | O30)

/* Sorted by name, bytewise. $id and the anchors are found by the indexer. */
static const struct keyword keywords[] = {
    {"$defs", NULL, VOCABULARY_CORE, MODERN, HOLDS_MAP},
    {"$dynamicRef", schema_kw_dynamic_ref, VOCABULARY_CORE, D20, HOLDS_NONE},
    {"$recursiveRef", schema_kw_recursive_ref, VOCABULARY_CORE, D19, HOLDS_NONE},
    {"$ref", schema_kw_ref, VOCABULARY_CORE, ALL, HOLDS_NONE},
    {"additionalItems", schema_kw_additional_items, VOCABULARY_APPLICATOR, D19 | D07, HOLDS_ONE},
    {"additionalProperties", schema_kw_additional_properties, VOCABULARY_APPLICATOR, ALL,
     HOLDS_ONE},
    {"allOf", schema_kw_all_of, VOCABULARY_APPLICATOR, ALL, HOLDS_LIST},
    {"anyOf", schema_kw_any_of, VOCABULARY_APPLICATOR, ALL, HOLDS_LIST},
    {"const", schema_kw_const, VOCABULARY_VALIDATION, JSON_SCHEMA, HOLDS_NONE},
    {"contains", schema_kw_contains, VOCABULARY_APPLICATOR, JSON_SCHEMA, HOLDS_ONE},
    {"contentSchema", NULL, VOCABULARY_CONTENT, MODERN, HOLDS_ONE},
    {"definitions", NULL, VOCABULARY_CORE, JSON_SCHEMA, HOLDS_MAP},
    {"dependencies", schema_kw_dependencies, VOCABULARY_APPLICATOR, JSON_SCHEMA,
     HOLDS_DEPENDENCIES},
    {"dependentRequired", schema_kw_dependent_required, VOCABULARY_VALIDATION, MODERN, HOLDS_NONE},
    {"dependentSchemas", schema_kw_dependent_schemas, VOCABULARY_APPLICATOR, MODERN, HOLDS_MAP},
    {"discriminator", schema_kw_discriminator, VOCABULARY_OPENAPI, ALL, HOLDS_NONE},
    {"else", schema_kw_else, VOCABULARY_APPLICATOR, JSON_SCHEMA, HOLDS_ONE},
    {"enum", schema_kw_enum, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"exclusiveMaximum", schema_kw_exclusive_maximum, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"exclusiveMinimum", schema_kw_exclusive_minimum, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"format", schema_kw_format, VOCABULARY_FORMAT, ALL, HOLDS_NONE},
    {"if", schema_kw_if, VOCABULARY_APPLICATOR, JSON_SCHEMA, HOLDS_ONE},
    {"items", schema_kw_items, VOCABULARY_APPLICATOR, ALL, HOLDS_ITEMS},
    {"maxContains", schema_kw_max_contains, VOCABULARY_VALIDATION, MODERN, HOLDS_NONE},
    {"maxItems", schema_kw_max_items, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"maxLength", schema_kw_max_length, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"maxProperties", schema_kw_max_properties, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"maximum", schema_kw_maximum, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"minContains", schema_kw_min_contains, VOCABULARY_VALIDATION, MODERN, HOLDS_NONE},
    {"minItems", schema_kw_min_items, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"minLength", schema_kw_min_length, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"minProperties", schema_kw_min_properties, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"minimum", schema_kw_minimum, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"multipleOf", schema_kw_multiple_of, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"not", schema_kw_not, VOCABULARY_APPLICATOR, ALL, HOLDS_ONE},
    {"nullable", schema_kw_nullable, VOCABULARY_OPENAPI, O30, HOLDS_NONE},
    {"oneOf", schema_kw_one_of, VOCABULARY_APPLICATOR, ALL, HOLDS_LIST},
    {"pattern", schema_kw_pattern, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"patternProperties", schema_kw_pattern_properties, VOCABULARY_APPLICATOR, JSON_SCHEMA,
     HOLDS_MAP},
    {"prefixItems", schema_kw_prefix_items, VOCABULARY_APPLICATOR, D20, HOLDS_LIST},
    {"properties", schema_kw_properties, VOCABULARY_APPLICATOR, ALL, HOLDS_MAP},
    {"propertyNames", schema_kw_property_names, VOCABULARY_APPLICATOR, JSON_SCHEMA, HOLDS_ONE},
    {"readOnly", schema_kw_read_only, VOCABULARY_META, ALL, HOLDS_NONE},
    {"required", schema_kw_required, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"then", schema_kw_then, VOCABULARY_APPLICATOR, JSON_SCHEMA, HOLDS_ONE},
    {"type", schema_kw_type, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"unevaluatedItems", schema_kw_unevaluated_items, VOCABULARY_UNEVALUATED, MODERN, HOLDS_ONE},
    {"unevaluatedProperties", schema_kw_unevaluated_properties, VOCABULARY_UNEVALUATED, MODERN,
     HOLDS_ONE},
    {"uniqueItems", schema_kw_unique_items, VOCABULARY_VALIDATION, ALL, HOLDS_NONE},
    {"writeOnly", schema_kw_write_only, VOCABULARY_META, ALL, HOLDS_NONE},
};

static int compare_name(const void *name, const void *keyword)
{
    return gw_str_compare(*(const struct gw_str *)name,
                          gw_str_of(((const struct keyword *)keyword)->name));
}

const struct keyword *schema_keyword(struct gw_str name)
{
    return bsearch(&name, keywords, GW_COUNT_OF(keywords), sizeof(keywords[0]), compare_name);
}
