/* A caller of the HTTP client for tests: makes a call, keeps all that came of it, and turns the
 * loop until it has ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/buf.h"
#include "server/net/http_client.h"

/* A loop, a client and one origin. */
struct bench {
    struct gw_loop *loop;
    struct gw_http_client *client;
    struct gw_http_origin *origin;
};

void bench_open(struct bench *bench);
/* Asserts success. */
void bench_set_origin(struct bench *bench, const struct gw_http_origin_config *config);
/* To 127.0.0.1 with the defaults. */
void bench_set_port(struct bench *bench, uint16_t port);
void bench_close(struct bench *bench);

struct caller {
    struct gw_http_call *call;
    bool has_head, has_ended, has_failed; /* ended: read to the end */
    bool is_passive;                      /* does not read by itself */
    bool cancels_in_head;
    int status;
    int64_t body_bytes, declared_bytes;
    bool is_complete;
    unsigned field_count;
    char fields[4096]; /* "Name: value\n" each */
    struct gw_buf body;
    enum gw_http_failure failure;
    char detail[256];
    unsigned readable_calls, writable_calls;
    struct gw_http_call_times times; /* when the head came */
};

/* A GET for "/" with nothing else. */
struct gw_http_request caller_get(void);
/* Starts; asserts success. */
void caller_start(struct caller *caller, struct bench *bench,
                  const struct gw_http_request *request);
/* Reads what there is. */
void caller_read(struct caller *caller);
bool caller_is_done(const struct caller *caller);
/* Turns the loop until it is done; asserts that it is within 20 s. */
void caller_wait(struct caller *caller, struct bench *bench);
/* The same for any condition. */
void bench_wait(struct bench *bench, bool (*is_met)(void *self), void *self);
/* Start and wait. */
void caller_run(struct caller *caller, struct bench *bench, const struct gw_http_request *request);
void caller_finish(struct caller *caller);

/* Asserts an answer of that status and body. */
void assert_answer(const struct caller *caller, int status, const char *body);
void assert_failure(const struct caller *caller, enum gw_http_failure failure);
