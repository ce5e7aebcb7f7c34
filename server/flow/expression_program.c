/* The text of a program: each expression is a function of its own, in brackets that it cannot leave
 * (see expression_scan.h). */
#include "server/flow/expression_program.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/core/hash.h"
#include "server/flow/expression_set.h"

#define MAX_BYTES (64u << 20)
#define MAX_CASES 10000 /* of one document more are refused */
#define MAX_VARIABLES 20000

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(struct gw_jq_program *program)
{
    gw_map_finish(&program->by_text);
    gw_map_finish(&program->variables);
    gw_arena_finish(&program->arena);
    free(program);
}

struct gw_jq_program *gw_jq_program_create(struct gw_str definitions)
{
    struct gw_jq_program *program = calloc(1, sizeof(*program));

    if (program == NULL)
        return NULL;
    atomic_init(&program->references, 1);
    gw_arena_init(&program->arena, 4096, MAX_BYTES);
    gw_map_init(&program->by_text, MAX_CASES);
    gw_map_init(&program->variables, MAX_VARIABLES);
    program->definitions = gw_arena_copy(&program->arena, definitions);
    if (program->definitions.ptr == NULL) {
        destroy(program);
        return NULL;
    }
    program->hash = gw_hash(gw_hash_process_key(), program->definitions);
    return program;
}

struct gw_jq_program *gw_jq_program_hold(struct gw_jq_program *program)
{
    atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
    return program;
}

void gw_jq_program_release(struct gw_jq_program *program)
{
    if (program != NULL &&
        atomic_fetch_sub_explicit(&program->references, 1, memory_order_acq_rel) == 1)
        destroy(program);
}

bool gw_jq_program_is_same(const struct gw_jq_program *a, const struct gw_jq_program *b)
{
    if (a == b)
        return true;
    if (a->hash != b->hash || a->count != b->count || !gw_str_equal(a->definitions, b->definitions))
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!gw_str_equal(a->cases[i], b->cases[i]))
            return false;
    }
    return true;
}

/* --- sets ------------------------------------------------------------------------------------- */

static bool has_case(const struct gw_jq_program *program, const struct gw_jq_expression *expression)
{
    return !gw_jq_is_foreign(expression) || gw_map_get(&program->by_text, expression->text) != NULL;
}

bool gw_jq_program_has(const struct gw_jq_program *program, const struct gw_expressions *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!has_case(program, &set->items[i]))
            return false;
    }
    return gw_str_equal(program->definitions, set->definitions);
}

bool gw_jq_program_has_room(const struct gw_jq_program *program, const struct gw_expressions *set)
{
    size_t more = 0, bytes = 0;

    for (size_t i = 0; i < set->count; i++) {
        if (has_case(program, &set->items[i]))
            continue;
        more++;
        bytes += set->items[i].text.len;
    }
    return program->count == 0 || (program->count + more <= GW_JQ_PROGRAM_CASES &&
                                   program->text_bytes + bytes <= GW_JQ_PROGRAM_BYTES);
}

static int grow(struct gw_jq_program *program)
{
    uint32_t capacity = program->capacity == 0 ? 16 : program->capacity * 2;

    if (program->count < program->capacity)
        return 0;
    struct gw_str *cases = gw_arena_calloc(&program->arena, capacity, sizeof(*cases));
    if (cases == NULL)
        return -ENOMEM;
    if (program->count > 0)
        memcpy(cases, program->cases, program->count * sizeof(*cases));
    program->cases = cases;
    program->capacity = capacity;
    return 0;
}

static int add_case(struct gw_jq_program *program, struct gw_str text, uint32_t *out_number)
{
    const void *known = gw_map_get(&program->by_text, text);

    if (known != NULL) {
        *out_number = (uint32_t)((uintptr_t)known - 1);
        return 0;
    }
    struct gw_str copy = gw_arena_copy(&program->arena, text);
    if (copy.ptr == NULL || grow(program) != 0 ||
        gw_map_add(&program->by_text, copy, (void *)((uintptr_t)program->count + 1)) != 0)
        return -ENOMEM;
    struct gw_hash_key key = {.k0 = program->hash, .k1 = gw_hash_process_key()->k1};
    program->hash = gw_hash(&key, copy);
    program->text_bytes += copy.len;
    *out_number = program->count;
    program->cases[program->count++] = copy;
    return 0;
}

static int add_variables(struct gw_jq_program *program, const struct gw_expressions *set)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    while ((entry = gw_map_next(&set->variables, &position)) != NULL) {
        if (gw_map_get(&program->variables, entry->key) != NULL)
            continue;
        struct gw_str name = gw_arena_copy(&program->arena, entry->key);
        if (name.ptr == NULL || gw_map_add(&program->variables, name, program) != 0)
            return -ENOMEM;
    }
    return 0;
}

int gw_jq_program_join(struct gw_jq_program *program, struct gw_expressions *set)
{
    uint32_t *cases = gw_arena_calloc(&set->arena, set->count, sizeof(*cases));
    int rc = cases == NULL ? -ENOMEM : 0;

    if (rc == 0 && !gw_jq_program_has(program, set))
        rc = add_variables(program, set);
    for (size_t i = 0; i < set->count && rc == 0; i++) {
        if (gw_jq_is_foreign(&set->items[i]))
            rc = add_case(program, set->items[i].text, &cases[i]);
    }
    if (rc != 0)
        return rc;
    gw_jq_program_release(set->program);
    set->program = gw_jq_program_hold(program);
    set->cases = cases;
    return 0;
}

/* --- text ------------------------------------------------------------------------------------- */

static size_t count_breaks(struct gw_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

static bool is_wanted(const bool *skip, uint32_t number)
{
    return skip == NULL || !skip[number];
}

static void write_variables(struct gw_buf *buf, const struct gw_jq_program *program)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    while ((entry = gw_map_next(&program->variables, &position)) != NULL)
        gw_buf_printf(buf, "$__gw_v[\"%.*s\"] as $%.*s|", GW_STR_ARG(entry->key),
                      GW_STR_ARG(entry->key));
}

/* By halves: the depth of what libjq nests is the number's logarithm. */
static void write_choice(struct gw_buf *buf, const bool *skip, uint32_t first, uint32_t end)
{
    uint32_t middle = first + (end - first) / 2;

    if (end - first <= 1) {
        if (first < end && is_wanted(skip, first))
            gw_buf_printf(buf, "__gw_e%u", first);
        else
            gw_buf_append_text(buf, "empty");
        return;
    }
    gw_buf_printf(buf, "if $__gw_n<%u then ", middle);
    write_choice(buf, skip, first, middle);
    gw_buf_append_text(buf, " else ");
    write_choice(buf, skip, middle, end);
    gw_buf_append_text(buf, " end");
}

/* The first line is ours, then come the definitions, then each expression with a line of ours
 * before and behind it, then one of ours. */
void gw_jq_program_write(struct gw_buf *buf, const struct gw_jq_program *program, const bool *skip)
{
    gw_buf_append_text(buf, ". as [$__gw_i,$__gw_v,$__gw_n]|");
    write_variables(buf, program);
    gw_buf_append_byte(buf, '\n');
    gw_buf_append_str(buf, program->definitions);
    gw_buf_append_byte(buf, '\n');
    for (uint32_t i = 0; i < program->count; i++) {
        if (!is_wanted(skip, i))
            continue;
        gw_buf_printf(buf, "def __gw_e%u:(\n", i);
        gw_buf_append_str(buf, program->cases[i]);
        gw_buf_append_text(buf, "\n);\n");
    }
    gw_buf_append_text(buf, "$__gw_i|");
    write_choice(buf, skip, 0, program->count);
}

int64_t gw_jq_program_at_line(const struct gw_jq_program *program, const bool *skip, size_t line,
                              bool *out_is_end)
{
    size_t at = 1 + count_breaks(program->definitions) + 1;

    *out_is_end = false;
    if (line < at)
        return line == 0 ? -1 : (int64_t)GW_EXPRESSION_DEFINITIONS;
    for (uint32_t i = 0; i < program->count; i++) {
        if (!is_wanted(skip, i))
            continue;
        at += 3 + count_breaks(program->cases[i]);
        *out_is_end = line + 1 == at;
        if (line < at)
            return (int64_t)i;
    }
    return -1;
}
