#include "server/flow/expression_group.h"

#include <errno.h>
#include <stdlib.h>

#include "server/flow/expression_program.h"
#include "server/flow/expression_set.h"

#define MAX_FAMILIES 20000

/* Programs of the same definitions. Those that were there before are right and closed; the fresh
 * one takes in what comes until it is full. */
struct family {
    struct gw_jq_program **known; /* borrowed: of sets that outlive the grouping */
    size_t count, capacity;
    struct gw_jq_program *open; /* NULL: none */
};

void gw_jq_groups_init(struct gw_jq_groups *groups)
{
    *groups = (struct gw_jq_groups){0};
    gw_map_init(&groups->families, MAX_FAMILIES);
}

void gw_jq_groups_finish(struct gw_jq_groups *groups)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    while ((entry = gw_map_next(&groups->families, &position)) != NULL) {
        struct family *family = entry->value;
        free(family->known);
        free(family);
    }
    gw_map_finish(&groups->families);
    for (size_t i = 0; i < groups->fresh_count; i++)
        gw_jq_program_release(groups->fresh[i]);
    free(groups->fresh);
}

/* `definitions` is a text that outlives the grouping. NULL without memory. */
static struct family *family_of(struct gw_jq_groups *groups, struct gw_str definitions)
{
    struct family *family = gw_map_get(&groups->families, definitions);

    if (family != NULL)
        return family;
    family = calloc(1, sizeof(*family));
    if (family != NULL && gw_map_add(&groups->families, definitions, family) == 0)
        return family;
    free(family);
    return NULL;
}

static int append(struct gw_jq_program ***list, size_t *count, size_t *capacity,
                  struct gw_jq_program *program)
{
    if (*count == *capacity) {
        size_t more = *capacity == 0 ? 4 : *capacity * 2;
        struct gw_jq_program **grown = realloc(*list, more * sizeof(struct gw_jq_program *));
        if (grown == NULL)
            return -ENOMEM;
        *list = grown;
        *capacity = more;
    }
    (*list)[(*count)++] = program;
    return 0;
}

int gw_jq_groups_know(struct gw_jq_groups *groups, struct gw_jq_program *program)
{
    struct family *family = family_of(groups, program->definitions);

    if (family == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < family->count; i++) {
        if (family->known[i] == program)
            return 0;
    }
    return append(&family->known, &family->count, &family->capacity, program);
}

static struct gw_jq_program *open_program(struct gw_jq_groups *groups, struct family *family,
                                          struct gw_str definitions)
{
    struct gw_jq_program *program = gw_jq_program_create(definitions);

    if (program == NULL)
        return NULL;
    if (append(&groups->fresh, &groups->fresh_count, &groups->fresh_capacity, program) != 0) {
        gw_jq_program_release(program);
        return NULL;
    }
    family->open = program;
    return program;
}

int gw_jq_groups_place(struct gw_jq_groups *groups, struct gw_expressions *set)
{
    struct family *family = family_of(groups, set->definitions);

    if (family == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < family->count; i++) {
        if (gw_jq_program_has(family->known[i], set))
            return gw_jq_program_join(family->known[i], set);
    }
    if (family->open == NULL || !gw_jq_program_has_room(family->open, set)) {
        if (open_program(groups, family, set->definitions) == NULL)
            return -ENOMEM;
    }
    return gw_jq_program_join(family->open, set);
}

int gw_jq_make_program(struct gw_expressions *set)
{
    struct gw_jq_program *program = gw_jq_program_create(set->definitions);
    int rc = program == NULL ? -ENOMEM : gw_jq_program_join(program, set);

    gw_jq_program_release(program);
    return rc;
}
