/* The worker's side: what is evaluated here, and the queue of what the helper has to do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/flow/expression_evaluator.h"

#define MAX_QUEUED 1000
#define SHOWN_BYTES 80 /* of an expression in a sentence */

/* --- ends ------------------------------------------------------------------------------------- */

void gw_evaluation_fail(struct gw_evaluation *evaluation, uint32_t index, const char *why)
{
    struct gw_str text = {NULL, 0};
    char failure[800];

    if (index < evaluation->set->count)
        text = evaluation->set->items[index].text;
    bool is_cut = text.len > SHOWN_BYTES;
    if (is_cut)
        text.len = SHOWN_BYTES;
    snprintf(failure, sizeof(failure), "the expression ${ %.*s%s }: %s", GW_STR_ARG(text),
             is_cut ? " ..." : "", why);
    evaluation->done(evaluation, failure);
}

/* As the header says: none is null, several are an array. */
static struct gw_value one_of(const struct gw_value_builder *results)
{
    if (results->count == 0)
        return gw_value_null();
    return results->count == 1 ? results->items[0] : gw_value_built_array(results);
}

/* --- here ------------------------------------------------------------------------------------- */

/* 1: done. 0: the helper's. -1: it failed, and that was told. */
static int evaluate_here(struct gw_evaluation *evaluation, size_t place)
{
    uint32_t index = evaluation->indices[place];
    const struct gw_jq_expression *expression = &evaluation->set->items[index];
    struct gw_value_builder results = {.arena = evaluation->arena};
    struct gw_jq_run run = {.arena = evaluation->arena,
                            .variables = &evaluation->variables,
                            .steps = expression->may_leave ? GW_JQ_MAX_STEPS : UINT32_MAX};

    if (expression->own == NULL)
        return 0;
    switch (gw_jq_evaluate(&run, expression->own, &evaluation->input, &results)) {
    case GW_JQ_DONE:
        evaluation->results[place] = one_of(&results);
        return 1;
    case GW_JQ_LEFT:
        if (expression->may_leave)
            return 0;
        gw_evaluation_fail(evaluation, index, "it takes too many steps");
        return -1;
    case GW_JQ_FAILED:
        gw_evaluation_fail(evaluation, index, run.failure);
        return -1;
    case GW_JQ_NO_MEMORY:
        break;
    }
    gw_evaluation_fail(evaluation, index, "its results need more memory than there is");
    return -1;
}

/* libjq would take what is missing for null. */
static bool has_variables(struct gw_evaluation *evaluation, uint32_t index)
{
    const struct gw_jq_expression *expression = &evaluation->set->items[index];
    char why[200];

    for (size_t i = 0; i < expression->needed_count; i++) {
        struct gw_str name = expression->needed[i];
        if (gw_value_member(&evaluation->variables, name) != NULL)
            continue;
        snprintf(why, sizeof(why), "$%.*s is not defined here", GW_STR_ARG(name));
        gw_evaluation_fail(evaluation, index, why);
        return false;
    }
    return true;
}

void gw_evaluate(struct gw_evaluator *evaluator, struct gw_evaluation *evaluation)
{
    evaluation->evaluator = NULL;
    evaluation->node = (struct gw_list){0};
    evaluation->rest_count = 0;
    evaluation->results =
        gw_arena_calloc(evaluation->arena, evaluation->count, sizeof(*evaluation->results));
    evaluation->rest =
        gw_arena_calloc(evaluation->arena, evaluation->count, sizeof(*evaluation->rest));
    if (evaluation->results == NULL || evaluation->rest == NULL) {
        evaluation->done(evaluation, "expressions need more memory than there is");
        return;
    }
    for (size_t i = 0; i < evaluation->count; i++) {
        int rc = evaluate_here(evaluation, i);
        if (rc < 0 || (rc == 0 && !has_variables(evaluation, evaluation->indices[i])))
            return;
        if (rc == 0)
            evaluation->rest[evaluation->rest_count++] = (uint32_t)i;
    }
    if (evaluation->rest_count == 0)
        evaluation->done(evaluation, NULL);
    else if (evaluator->queued >= MAX_QUEUED)
        gw_evaluation_fail(evaluation, evaluation->indices[evaluation->rest[0]],
                           "too many others wait for the helper");
    else
        gw_evaluator_enqueue(evaluator, evaluation);
}

void gw_evaluation_cancel(struct gw_evaluation *evaluation)
{
    struct gw_evaluator *evaluator = evaluation->evaluator;

    if (evaluator == NULL)
        return;
    if (gw_list_is_linked(&evaluation->node)) {
        gw_list_remove(&evaluation->node);
        evaluator->queued--;
    }
    /* The helper goes on until it answers, or its time is over. */
    for (size_t i = 0; i < GW_JQ_HELPERS; i++) {
        struct gw_jq_helper *helper = &evaluator->helpers[i];
        if (helper->current == evaluation && helper->job != NULL)
            gw_jq_job_stop(helper->job); /* the values go */
        if (helper->current == evaluation)
            helper->current = NULL;
    }
    evaluation->evaluator = NULL;
}
