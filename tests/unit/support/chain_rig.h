/* A chain of three filters that do what a script says, on an exchange in memory. One at a time, for
 * the program that links it. */
#pragma once

#include "server/filter/chain.h"

struct scripted {
    char name; /* "a" on the request's way, "A" on the response's */
    enum gw_verdict on_request, on_response;
    size_t body_bytes;    /* asks for the body, at most so much */
    enum gw_verdict then; /* its verdict on the body */
    bool resumes_at_once; /* before it returns GW_WAIT */
    enum gw_verdict resumes_with;
    bool replaces; /* the response, by a problem */
    unsigned cancels;
    char tapped[64];
};

extern struct gw_exchange *ex;
extern struct gw_chain chain; /* of `filters`, then an end that answers 200 "whole" */
extern struct scripted filters[3];
extern char trail[64]; /* who was called: "a" to "c", "|" the end, "C" to "A", "(" a body's */
extern unsigned wakes;
extern bool end_waits; /* the end leaves the response to the test */

int chain_rig_set_up(void **state);
int chain_rig_tear_down(void **state);

void chain_rig_leave(char mark); /* on the trail */
void chain_rig_feed(const char *text);
void chain_rig_assert_answered(const char *expected_trail, int status);

#define T(test) cmocka_unit_test_setup_teardown(test, chain_rig_set_up, chain_rig_tear_down)
