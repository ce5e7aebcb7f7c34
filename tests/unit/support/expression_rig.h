/* A loop with an evaluator, and expressions over documents given as text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/arena.h"
#include "server/flow/expression.h"

struct gw_loop;

struct expression_rig {
    struct gw_loop *loop;
    struct gw_evaluator *evaluator;
};

void expression_rig_init(struct expression_rig *rig, const struct gw_evaluator_limits *limits);
void expression_rig_finish(struct expression_rig *rig);

/* A set with that one expression; the test fails if it is refused. */
struct gw_expressions *expression_rig_set(const char *definitions, const char *text);

/* One evaluation of a test's own making. */
struct expression_run {
    struct gw_arena arena;
    struct gw_evaluation evaluation;
    uint32_t index;
    bool is_done, has_failed;
    char text[4096]; /* the result as JSON, or the failure */
};

/* Over the document, with `$x` = {"a":1,"name":"name","list":[1,2]}. */
void expression_rig_start(struct expression_rig *rig, struct expression_run *run,
                          struct gw_expressions *set, const char *document);
void expression_rig_wait(struct expression_rig *rig, const struct expression_run *run);
void expression_rig_free(struct expression_run *run);

/* Evaluates the first of the set: 0, or -1 when it failed. */
int expression_rig_run(struct expression_rig *rig, struct gw_expressions *set, const char *document,
                       char *out, size_t capacity);

void expression_rig_expect(struct expression_rig *rig, const char *text, const char *document,
                           const char *expected);
/* A failure that has those words in it. */
void expression_rig_expect_failure(struct expression_rig *rig, const char *text,
                                   const char *document, const char *words);

/* Whether two JSON texts are of the same value. */
bool expression_rig_is_same(const char *a, const char *b);
