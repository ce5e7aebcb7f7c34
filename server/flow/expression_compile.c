/* Compiling at snapshot time: sets with the same definitions share a program, and as many helpers
 * as there are processors look at the programs, each at one at a time. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/flow/expression_check.h"
#include "server/flow/expression_group.h"
#include "server/flow/expression_set.h"

#define MAX_HELPERS 8
#define TIMEOUT_NS (120 * GW_NS_PER_SECOND)

typedef void refuse_fn(void *self, size_t set, uint32_t index, const char *why);

/* --- looking at programs ---------------------------------------------------------------------- */

struct compilation {
    struct gw_jq_check *checks;
    size_t count;
    uint64_t deadline_ns;
    atomic_size_t next;
    atomic_int failure; /* a negative errno: the others end, too */
};

static void *check_programs(void *self)
{
    struct compilation *compilation = self;
    struct gw_jq_checker checker;
    size_t at;

    gw_jq_checker_init(&checker, compilation->deadline_ns);
    while ((at = atomic_fetch_add(&compilation->next, 1)) < compilation->count &&
           atomic_load(&compilation->failure) == 0) {
        int rc = gw_jq_check(&checker, &compilation->checks[at]);
        if (rc != 0)
            atomic_store(&compilation->failure, rc);
    }
    gw_jq_checker_finish(&checker);
    return NULL;
}

static size_t count_processors(void)
{
    cpu_set_t processors;

    if (sched_getaffinity(0, sizeof(processors), &processors) != 0)
        return 1;
    return (size_t)CPU_COUNT(&processors);
}

/* This thread is one of those that wait for helpers. Where others cannot be started it goes alone.
 */
static int check_all(struct compilation *compilation)
{
    pthread_t threads[MAX_HELPERS];
    size_t wanted = count_processors(), started = 0;
    sigset_t all, before;

    wanted = wanted < MAX_HELPERS ? wanted : MAX_HELPERS;
    wanted = wanted < compilation->count ? wanted : compilation->count;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for those who expect them */
    while (started + 1 < wanted &&
           pthread_create(&threads[started], NULL, check_programs, compilation) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    check_programs(compilation);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return atomic_load(&compilation->failure);
}

/* --- telling ---------------------------------------------------------------------------------- */

static const struct gw_jq_check *check_of(const struct compilation *compilation,
                                          const struct gw_jq_program *program)
{
    for (size_t i = 0; program != NULL && i < compilation->count; i++) {
        if (compilation->checks[i].program == program)
            return &compilation->checks[i];
    }
    return NULL;
}

/* A case is every set's that has its text. */
static bool tell_refusal(const struct gw_expressions *set, size_t position,
                         const struct gw_jq_refusal *refusal, refuse_fn *refuse, void *self)
{
    bool is_its_own = false;

    if (refusal->number == GW_EXPRESSION_DEFINITIONS) {
        refuse(self, position, GW_EXPRESSION_DEFINITIONS, refusal->why);
        return true;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (gw_jq_is_foreign(&set->items[i]) && set->cases[i] == refusal->number) {
            refuse(self, position, i, refusal->why);
            is_its_own = true;
        }
    }
    return is_its_own;
}

/* A program with something wrong in it cannot be run: no set keeps it. */
static bool tell_set(const struct compilation *compilation, struct gw_expressions *set,
                     size_t position, refuse_fn *refuse, void *self)
{
    const struct gw_jq_check *check = check_of(compilation, set->program);
    bool has_refused = false;

    if (check == NULL || check->refusal_count == 0)
        return false;
    for (size_t i = 0; i < check->refusal_count; i++)
        has_refused |= tell_refusal(set, position, &check->refusals[i], refuse, self);
    gw_jq_program_release(set->program);
    set->program = NULL;
    return has_refused;
}

static bool tell_all(const struct compilation *compilation, struct gw_expressions *const *sets,
                     size_t count, refuse_fn *refuse, void *self)
{
    bool has_refused = false;

    for (size_t i = 0; i < count; i++) {
        const char *why = sets[i]->definition_error.text; /* libjq had not to be asked */
        if (why[0] != '\0')
            refuse(self, i, GW_EXPRESSION_DEFINITIONS, why);
        has_refused |= why[0] != '\0' || tell_set(compilation, sets[i], i, refuse, self);
    }
    return has_refused;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool is_fresh(const struct gw_jq_groups *groups, const struct gw_jq_program *program)
{
    for (size_t i = 0; i < groups->fresh_count; i++) {
        if (groups->fresh[i] == program)
            return true;
    }
    return false;
}

static int place_all(struct gw_jq_groups *groups, struct gw_expressions *const *sets, size_t count)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (sets[i]->program != NULL)
            rc = gw_jq_groups_know(groups, sets[i]->program);
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (sets[i]->program == NULL && sets[i]->definition_error.text[0] == '\0' &&
            gw_jq_has_foreign(sets[i]))
            rc = gw_jq_groups_place(groups, sets[i]);
    }
    return rc;
}

static int check_fresh(struct compilation *compilation, const struct gw_jq_groups *groups)
{
    compilation->checks = calloc(groups->fresh_count + 1, sizeof(*compilation->checks));
    if (compilation->checks == NULL)
        return -ENOMEM;
    compilation->count = groups->fresh_count;
    for (size_t i = 0; i < groups->fresh_count; i++)
        compilation->checks[i].program = groups->fresh[i];
    return compilation->count == 0 ? 0 : check_all(compilation);
}

int gw_expressions_compile(struct gw_expressions *const *sets, size_t count, refuse_fn *refuse,
                           void *self)
{
    struct compilation compilation = {.deadline_ns = gw_clock_monotonic_ns() + TIMEOUT_NS};
    struct gw_jq_groups groups;

    gw_jq_groups_init(&groups);
    int rc = place_all(&groups, sets, count);
    if (rc == 0)
        rc = check_fresh(&compilation, &groups);
    if (rc == 0 && tell_all(&compilation, sets, count, refuse, self))
        rc = -EINVAL;
    for (size_t i = 0; i < count && rc != 0 && rc != -EINVAL; i++) {
        if (is_fresh(&groups, sets[i]->program)) {
            gw_jq_program_release(sets[i]->program);
            sets[i]->program = NULL;
        }
    }
    for (size_t i = 0; i < compilation.count; i++)
        free(compilation.checks[i].refusals);
    free(compilation.checks);
    gw_jq_groups_finish(&groups);
    return rc;
}
