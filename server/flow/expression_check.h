/* Has libjq compile programs, to hear what is wrong with them. Private to server/flow. */
#pragma once

#include "server/core/buf.h"
#include "server/flow/expression_process.h"
#include "server/flow/expression_program.h"

/* What is wrong with one case of a program (GW_EXPRESSION_DEFINITIONS: with its definitions). */
struct gw_jq_refusal {
    uint32_t number;
    char why[240];
};

/* A program to be looked at. */
struct gw_jq_check {
    struct gw_jq_program *program;
    struct gw_jq_refusal *refusals; /* malloc'ed */
    size_t refusal_count;
};

/* Whoever looks: a helper, started when it is needed, and its buffers. One thread's. */
struct gw_jq_checker {
    struct gw_jq_process process;
    struct gw_buf program, answer;
    uint64_t deadline_ns;
    struct gw_error error;
};

void gw_jq_checker_init(struct gw_jq_checker *checker, uint64_t deadline_ns);
void gw_jq_checker_finish(struct gw_jq_checker *checker);

/* Fills in the refusals. 0, or a negative errno: then nothing is known of the program. -EAGAIN: the
 * helper was ended from outside, time and again. */
GW_MUST_CHECK
int gw_jq_check(struct gw_jq_checker *checker, struct gw_jq_check *check);

/* --- expression_ask.c ------------------------------------------------------------------------- */

/* Has the helper compile checker->program; checker->answer is empty then, or has the messages, a
 * line each. 0 or as above. A program that ends the helper by itself is answered by a message. */
GW_MUST_CHECK
int gw_jq_ask(struct gw_jq_checker *checker);
