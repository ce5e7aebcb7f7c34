/* Compiles a schema and validates a value with it. Input: a byte that chooses dialect and options,
 * the schema, a NUL byte, the value. Both runs of the validator must agree with each other and with
 * one that takes no short cut, and a refusal must have a reason. A compiler that tells all that is
 * wrong must refuse what one that stops at the first does. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/json/schema_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void count(void *self, const struct gw_error *error)
{
    if (error->text[0] == '\0')
        abort();
    ++*(size_t *)self;
}

static struct gw_schema_set *compile(unsigned choice, struct gw_str text, size_t *told)
{
    struct gw_schema_options options = {
        .assert_format = (choice & 4) != 0, .max_nodes = 2000, .max_bytes = 16u << 20};
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(&options);
    struct gw_schema_set *set = NULL;
    struct gw_error error;
    size_t entry;

    if (compiler == NULL)
        abort();
    if (told != NULL)
        gw_schema_compiler_set_reporter(compiler, count, told);
    if (gw_schema_compiler_add_text(compiler, GW_STR("http://example.com/s.json"), text, &error) ==
            0 &&
        gw_schema_compiler_add_entry(compiler, GW_STR("http://example.com/s.json"), GW_STR(""),
                                     (enum gw_schema_dialect)(choice % 3), &entry, &error) == 0 &&
        gw_schema_compiler_finish(compiler, &set, &error) != 0 && error.text[0] == '\0')
        abort();
    gw_schema_compiler_destroy(compiler);
    return set;
}

/* Nodes then decide by their keywords alone. */
static void strip(struct gw_schema_set *set)
{
    for (size_t i = 0; i < set->node_count; i++) {
        struct schema_node *node = set->nodes[i];
        node->accepts = NODE_TYPES_ALL;
        node->free = 0;
        node->sole = NULL;
        node->is_quick = false;
        if (node->object == NULL)
            continue;
        node->object->is_simple = false;
        for (uint32_t j = 0; j < node->object->property_count; j++)
            node->object->properties[j].free = 0;
    }
}

static void validate(struct gw_schema_set *set, unsigned choice, struct gw_str text)
{
    struct gw_arena arena;
    struct gw_json_tape tape;
    struct gw_json_error error;
    struct gw_violations violations;

    gw_arena_init(&arena, 16 << 10, 16u << 20);
    if (gw_json_read(&arena, text, NULL, &tape, &error) == 0) {
        struct gw_schema_run run = {.arena = &arena,
                                    .direction = (enum gw_schema_direction)(choice / 8 % 3)};
        int quick = gw_schema_validate(set, 0, &tape, &run, &violations);
        run.max_violations = 10;
        int full = gw_schema_validate(set, 0, &tape, &run, &violations);
        if (quick != full && full != -ENOMEM && quick != -ENOMEM)
            abort();
        if (full == 1 && violations.count == 0)
            abort();
        strip(set);
        run.max_violations = 0;
        int plain = gw_schema_validate(set, 0, &tape, &run, &violations);
        /* bounds of depth and of steps are met by the one sooner than by the other */
        if (plain >= 0 && quick >= 0 && plain != quick)
            abort();
    }
    gw_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    struct gw_str rest = gw_str_from((const char *)bytes + 1, len - 1);
    size_t split = gw_str_find(rest, '\0');
    if (split == rest.len)
        return 0;
    struct gw_schema_set *set = compile(bytes[0], gw_str_from(rest.ptr, split), NULL);
    if (set == NULL) {
        size_t told = 0;
        if (compile(bytes[0], gw_str_from(rest.ptr, split), &told) != NULL)
            abort();
    } else {
        validate(set, bytes[0], gw_str_tail(rest, split + 1));
    }
    gw_schema_set_destroy(set);
    return 0;
}
