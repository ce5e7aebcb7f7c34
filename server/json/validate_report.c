/* From notes to violations: pointers, and a sentence for whoever sent the value. */
#include <assert.h>
#include <errno.h>

#include "server/core/buf.h"
#include "server/json/pointer.h"
#include "server/json/tape_write.h"
#include "server/json/validate_private.h"

#define MAX_SENTENCE_BYTES 600
#define MAX_SHOWN_BYTES 60 /* of a value */
#define MAX_SHOWN_VALUES 8 /* of an enum */

static const char *const keywords[] = {
    [FAULT_NEVER] = "",
    [FAULT_TYPE] = "type",
    [FAULT_ENUM] = "enum",
    [FAULT_CONST] = "const",
    [FAULT_CONST_BESIDE] = "const",
    [FAULT_MINIMUM] = "minimum",
    [FAULT_MAXIMUM] = "maximum",
    [FAULT_EXCLUSIVE_MINIMUM] = "exclusiveMinimum",
    [FAULT_EXCLUSIVE_MAXIMUM] = "exclusiveMaximum",
    [FAULT_MULTIPLE_OF] = "multipleOf",
    [FAULT_NUMBER_FORMAT] = "format",
    [FAULT_MIN_LENGTH] = "minLength",
    [FAULT_MAX_LENGTH] = "maxLength",
    [FAULT_PATTERN] = "pattern",
    [FAULT_FORMAT] = "format",
    [FAULT_MIN_ITEMS] = "minItems",
    [FAULT_MAX_ITEMS] = "maxItems",
    [FAULT_UNIQUE] = "uniqueItems",
    [FAULT_MIN_CONTAINS] = "minContains",
    [FAULT_CONTAINS] = "contains",
    [FAULT_MAX_CONTAINS] = "maxContains",
    [FAULT_ITEMS] = "items",
    [FAULT_UNEVALUATED_ITEMS] = "unevaluatedItems",
    [FAULT_MIN_PROPERTIES] = "minProperties",
    [FAULT_MAX_PROPERTIES] = "maxProperties",
    [FAULT_REQUIRED] = "required",
    [FAULT_DEPENDENT_REQUIRED] = "dependentRequired",
    [FAULT_ADDITIONAL] = "additionalProperties",
    [FAULT_UNEVALUATED] = "unevaluatedProperties",
    [FAULT_PROPERTY_NAME] = "propertyNames",
    [FAULT_READ_ONLY] = "readOnly",
    [FAULT_WRITE_ONLY] = "writeOnly",
    [FAULT_ANY_OF] = "anyOf",
    [FAULT_ONE_OF_NONE] = "oneOf",
    [FAULT_ONE_OF_SEVERAL] = "oneOf",
    [FAULT_NOT] = "not",
    [FAULT_DISCRIMINATOR_MISSING] = "discriminator",
    [FAULT_DISCRIMINATOR_UNKNOWN] = "discriminator",
    [FAULT_TOO_DEEP] = "",
    [FAULT_PATTERN_COST] = "pattern",
    [FAULT_MEMORY] = "",
};

static const char *const type_names[] = {"null",     "a boolean", "a boolean", "a number",
                                         "a string", "an array",  "an object"};

/* Whether the value lies in one that must not be told. */
static bool is_secret(const struct eval *eval, uint32_t at)
{
    for (size_t i = 0; i < eval->secret_count; i++) {
        uint32_t secret = eval->secrets[i];
        if (at >= secret && at < gw_json_next(eval->tape, secret))
            return true;
    }
    return false;
}

/* ", but is <value>" for a short scalar that may be told. */
static void append_value(const struct eval *eval, struct gw_buf *buf, uint32_t at)
{
    struct gw_buf value;

    if (gw_json_type(eval->tape, at) >= GW_JSON_ARRAY || is_secret(eval, at))
        return;
    gw_buf_init(&value, MAX_SHOWN_BYTES);
    gw_json_write(&value, eval->tape, at);
    if (!value.has_failed) {
        gw_buf_append_text(buf, ", but is ");
        gw_buf_append_str(buf, gw_buf_str(&value));
    }
    gw_buf_finish(&value);
}

static void append_types(struct gw_buf *buf, const struct schema_node *node)
{
    static const struct {
        uint8_t type;
        const char *name;
    } order[] = {
        {GW_JSON_OBJECT, "an object"}, {GW_JSON_ARRAY, "an array"}, {GW_JSON_STRING, "a string"},
        {GW_JSON_NUMBER, "a number"},  {GW_JSON_TRUE, "a boolean"}, {GW_JSON_NULL, "null"},
    };
    const char *separator = "must be ";

    for (size_t i = 0; i < GW_COUNT_OF(order); i++) {
        if ((node->types >> order[i].type & 1) == 0)
            continue;
        bool is_integer = order[i].type == GW_JSON_NUMBER && (node->flags & NODE_INTEGER) != 0;
        gw_buf_append_text(buf, separator);
        gw_buf_append_text(buf, is_integer ? "an integer" : order[i].name);
        separator = " or ";
    }
}

static void append_type_fault(const struct eval *eval, struct gw_buf *buf, const struct note *note)
{
    enum gw_json_type type = gw_json_type(eval->tape, note->at);

    append_types(buf, note->node);
    if (type == GW_JSON_NUMBER && (note->node->types & 1 << GW_JSON_NUMBER) != 0)
        append_value(eval, buf, note->at); /* a number, but no integer */
    else
        gw_buf_printf(buf, ", but is %s", type_names[type]);
}

static void append_listed(const struct eval *eval, struct gw_buf *buf, const struct note *note)
{
    const struct gw_json_tape *values = &note->node->rest->values;
    struct gw_json_cursor cursor = gw_json_begin(values, 0);
    uint32_t shown = 0;
    struct gw_buf list;

    if (note->node->flags & NODE_SECRET || is_secret(eval, note->at)) {
        gw_buf_append_text(buf, "is none of the values that the schema lists");
        return;
    }
    gw_buf_init(&list, MAX_SENTENCE_BYTES / 2);
    gw_buf_append_text(&list, gw_json_count(values, 0) > 1 ? "must be one of " : "must be ");
    for (; shown < MAX_SHOWN_VALUES && gw_json_step(values, &cursor); shown++) {
        if (shown > 0)
            gw_buf_append_text(&list, ", ");
        gw_json_write(&list, values, cursor.value);
    }
    if (shown < gw_json_count(values, 0))
        gw_buf_append_text(&list, ", ...");
    if (list.has_failed)
        gw_buf_append_text(buf, "is none of the values that the schema lists");
    else
        gw_buf_append_str(buf, gw_buf_str(&list));
    gw_buf_finish(&list);
    append_value(eval, buf, note->at);
}

static void append_bound(const struct eval *eval, struct gw_buf *buf, const struct note *note)
{
    const struct number_part *part = note->node->number;
    const struct bound *bound;
    const char *words;

    switch (note->fault) {
    case FAULT_MINIMUM:
        bound = &part->minimum;
        words = part->is_minimum_exclusive ? "must be above" : "must be at least";
        break;
    case FAULT_MAXIMUM:
        bound = &part->maximum;
        words = part->is_maximum_exclusive ? "must be below" : "must be at most";
        break;
    case FAULT_EXCLUSIVE_MINIMUM:
        bound = &part->exclusive_minimum;
        words = "must be above";
        break;
    case FAULT_EXCLUSIVE_MAXIMUM:
        bound = &part->exclusive_maximum;
        words = "must be below";
        break;
    default:
        bound = &part->multiple_of;
        words = "must be a multiple of";
        break;
    }
    if (bound->literal.len <= MAX_SHOWN_BYTES)
        gw_buf_printf(buf, "%s %.*s", words, GW_STR_ARG(bound->literal));
    else
        gw_buf_printf(buf, "%s the number in the schema", words);
    append_value(eval, buf, note->at);
}

static void append_number_format(struct gw_buf *buf, const struct note *note)
{
    static const char *const ranges[] = {"", "a 32-bit integer", "a 64-bit integer",
                                         "in the range of a float", "in the range of a double"};

    gw_buf_printf(buf, "must be %s", ranges[note->node->number->format]);
}

static void append_name(struct gw_buf *buf, struct gw_str name)
{
    gw_buf_append_byte(buf, '"');
    if (name.len <= 2 * MAX_SHOWN_BYTES)
        gw_buf_append_json(buf, name);
    else
        gw_buf_append_text(buf, "...");
    gw_buf_append_byte(buf, '"');
}

static void append_plural(struct gw_buf *buf, const char *words, uint64_t count, const char *noun)
{
    gw_buf_printf(buf, "%s %llu %s%s", words, (unsigned long long)count, noun,
                  count == 1 ? "" : "s");
}

static void append_size_fault(const struct eval *eval, struct gw_buf *buf, const struct note *note)
{
    const struct schema_node *node = note->node;
    uint64_t count = gw_json_count(eval->tape, note->at);

    switch (note->fault) {
    case FAULT_MIN_LENGTH:
        append_plural(buf, "must have at least", node->string->min_length, "character");
        return;
    case FAULT_MAX_LENGTH:
        append_plural(buf, "must have at most", node->string->max_length, "character");
        return;
    case FAULT_MIN_ITEMS:
        append_plural(buf, "must have at least", node->array->min_items, "element");
        break;
    case FAULT_MAX_ITEMS:
        append_plural(buf, "must have at most", node->array->max_items, "element");
        break;
    case FAULT_MIN_PROPERTIES:
        append_plural(buf, "must have at least", node->object->min_properties, "member");
        break;
    default:
        append_plural(buf, "must have at most", node->object->max_properties, "member");
        break;
    }
    gw_buf_printf(buf, ", but has %llu", (unsigned long long)count);
}

static void append_contains_fault(struct gw_buf *buf, const struct note *note)
{
    const struct array_part *part = note->node->array;

    if (note->fault == FAULT_CONTAINS) {
        gw_buf_append_text(buf, "has no element that matches the schema of contains");
        return;
    }
    bool is_low = note->fault == FAULT_MIN_CONTAINS;
    gw_buf_printf(
        buf, "must contain at %s %llu matching elements, but has %u", is_low ? "least" : "most",
        (unsigned long long)(is_low ? part->min_contains : part->max_contains), note->other);
}

static void append_unique_fault(const struct eval *eval, struct gw_buf *buf,
                                const struct note *note)
{
    struct gw_str first = gw_pointer_to(eval->tape, eval->run->root, note->other, eval->run->arena);

    gw_buf_append_text(buf, "is the same as the element at ");
    gw_buf_append_str(buf, first);
    gw_buf_append_text(buf, ", but all elements must differ");
}

static void append_member_fault(struct gw_buf *buf, const struct note *note)
{
    switch (note->fault) {
    case FAULT_REQUIRED:
        gw_buf_append_text(buf, "lacks the required property ");
        append_name(buf, note->name);
        return;
    case FAULT_DEPENDENT_REQUIRED:
        gw_buf_append_text(buf, "lacks the property ");
        append_name(buf, note->name);
        gw_buf_append_text(buf, ", which is required because there is ");
        append_name(buf, note->node->object->properties[note->other].name);
        return;
    case FAULT_PROPERTY_NAME:
        gw_buf_append_text(buf, "has a name that is not allowed: ");
        append_name(buf, note->name);
        return;
    case FAULT_DISCRIMINATOR_MISSING:
        gw_buf_append_text(buf, "must name its kind in the property ");
        append_name(buf, note->name);
        return;
    case FAULT_DISCRIMINATOR_UNKNOWN:
        gw_buf_append_text(buf, "is none of the kinds that the property ");
        append_name(buf, note->name);
        gw_buf_append_text(buf, " can name");
        return;
    default:
        gw_buf_append_text(buf, "the property ");
        append_name(buf, note->name);
        gw_buf_append_text(
            buf, note->fault == FAULT_READ_ONLY ? " is read-only and must not be sent in a request"
                 : note->fault == FAULT_WRITE_ONLY ? " is write-only and must not be in a response"
                                                   : " is not allowed here");
        return;
    }
}

static void append_other_fault(const struct eval *eval, struct gw_buf *buf, const struct note *note)
{
    switch (note->fault) {
    case FAULT_PATTERN:
        if (note->node->string->pattern_text.len <= 200)
            gw_buf_printf(buf, "must match the pattern %.*s",
                          GW_STR_ARG(note->node->string->pattern_text));
        else
            gw_buf_append_text(buf, "must match the pattern in the schema");
        break;
    case FAULT_FORMAT:
        gw_buf_printf(buf, "must be a valid %.*s", GW_STR_ARG(note->node->string->format_name));
        append_value(eval, buf, note->at);
        break;
    case FAULT_ITEMS:
        gw_buf_printf(buf, "there may be at most %u elements", note->other);
        break;
    case FAULT_UNEVALUATED_ITEMS:
        gw_buf_append_text(buf, "no further elements are allowed");
        break;
    case FAULT_ANY_OF:
        gw_buf_printf(buf, "matches none of the %u alternatives", note->other);
        break;
    case FAULT_ONE_OF_NONE:
        gw_buf_printf(buf, "must match one of the %u alternatives, but matches none", note->other);
        break;
    case FAULT_ONE_OF_SEVERAL:
        gw_buf_append_text(buf, "must match exactly one of the alternatives, but matches several");
        break;
    case FAULT_NOT:
        gw_buf_append_text(buf, "is what the schema of not excludes");
        break;
    case FAULT_TOO_DEEP:
        gw_buf_append_text(buf, "cannot be checked: the schemas that apply are nested too deeply");
        break;
    case FAULT_PATTERN_COST:
        gw_buf_append_text(buf, "cannot be checked: matching a pattern would take too long");
        break;
    case FAULT_MEMORY:
        gw_buf_append_text(buf, "cannot be checked: it would take too much memory");
        break;
    default:
        gw_buf_append_text(buf, "no value is allowed here");
        break;
    }
}

static void append_sentence(const struct eval *eval, struct gw_buf *buf, const struct note *note)
{
    switch (note->fault) {
    case FAULT_TYPE:
        append_type_fault(eval, buf, note);
        break;
    case FAULT_ENUM:
    case FAULT_CONST:
        append_listed(eval, buf, note);
        break;
    case FAULT_CONST_BESIDE:
        gw_buf_append_text(buf, "is not the value that the schema wants");
        break;
    case FAULT_MINIMUM:
    case FAULT_MAXIMUM:
    case FAULT_EXCLUSIVE_MINIMUM:
    case FAULT_EXCLUSIVE_MAXIMUM:
    case FAULT_MULTIPLE_OF:
        append_bound(eval, buf, note);
        break;
    case FAULT_NUMBER_FORMAT:
        append_number_format(buf, note);
        append_value(eval, buf, note->at);
        break;
    case FAULT_MIN_LENGTH:
    case FAULT_MAX_LENGTH:
    case FAULT_MIN_ITEMS:
    case FAULT_MAX_ITEMS:
    case FAULT_MIN_PROPERTIES:
    case FAULT_MAX_PROPERTIES:
        append_size_fault(eval, buf, note);
        break;
    case FAULT_CONTAINS:
    case FAULT_MIN_CONTAINS:
    case FAULT_MAX_CONTAINS:
        append_contains_fault(buf, note);
        break;
    case FAULT_UNIQUE:
        append_unique_fault(eval, buf, note);
        break;
    case FAULT_REQUIRED:
    case FAULT_DEPENDENT_REQUIRED:
    case FAULT_ADDITIONAL:
    case FAULT_UNEVALUATED:
    case FAULT_PROPERTY_NAME:
    case FAULT_READ_ONLY:
    case FAULT_WRITE_ONLY:
    case FAULT_DISCRIMINATOR_MISSING:
    case FAULT_DISCRIMINATOR_UNKNOWN:
        append_member_fault(buf, note);
        break;
    default:
        append_other_fault(eval, buf, note);
        break;
    }
}

static int report_note(const struct eval *eval, const struct note *note, struct gw_violation *out)
{
    struct gw_arena *arena = eval->run->arena;
    const char *keyword = note->keyword != NULL ? note->keyword : keywords[note->fault];
    assert(note->node != NULL || note->fault == FAULT_TOO_DEEP ||
           note->fault == FAULT_PATTERN_COST);
    struct gw_str place = note->node != NULL ? note->node->location->text : (struct gw_str){"#", 1};
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_SENTENCE_BYTES);
    append_sentence(eval, &buf, note);
    *out = (struct gw_violation){
        .instance = gw_pointer_to(eval->tape, eval->run->root, note->at, arena),
        .schema = keyword[0] == '\0'
                      ? gw_arena_copy(arena, place)
                      : gw_arena_printf(arena, "%.*s/%s", GW_STR_ARG(place), keyword),
        .keyword = gw_str_of(keyword),
        .message = gw_arena_copy(arena, gw_buf_str(&buf)),
        .token = note->at,
    };
    gw_buf_finish(&buf);
    bool is_whole =
        out->instance.ptr != NULL && out->schema.ptr != NULL && out->message.ptr != NULL;
    return is_whole ? 0 : -ENOMEM;
}

int eval_report(struct eval *eval, struct gw_violations *out)
{
    struct gw_violation *items =
        gw_arena_calloc(eval->run->arena, eval->note_count, sizeof(*items));

    if (items == NULL)
        return -ENOMEM;
    *out = (struct gw_violations){.items = items, .is_cut = eval->is_cut};
    for (; out->count < eval->note_count; out->count++) {
        int rc = report_note(eval, &eval->notes[out->count], &items[out->count]);
        if (rc != 0)
            return rc;
    }
    return 0;
}
