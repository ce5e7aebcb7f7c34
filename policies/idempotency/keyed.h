/* One exchange with a key, between the files of this policy: idempotency.c (configuration, and
 * whether there is a key), beginning.c (the claim, and what is answered without one), ending.c (the
 * response). */
#pragma once

#include "claim.h"
#include "demand.h"
#include "outcome.h"
#include "server/core/clock.h"
#include "server/filter/filter.h"
#include "server/observe/metrics.h"

#define KEYED_MAX_MORE_FIELDS 16
#define KEYED_RETRY_NS GW_NS_PER_SECOND

struct gw_worker_share;

struct idempotency { /* one per worker */
    struct demand demand;
    struct claim_times times;
    size_t max_body_bytes, max_answer_bytes;
    bool is_lenient;
    struct gw_str more_fields[KEYED_MAX_MORE_FIELDS];
    size_t more_field_count;
    struct gw_str documentation;
    uint64_t timeout_ns;
    struct gw_worker_share *late; /* opened on the worker's thread */
};

enum keyed_phase { BEGINNING, CLAIMED, ENDING, OVER };

/* One exchange's. */
struct keyed {
    struct idempotency *policy;
    struct gw_exchange *ex;
    struct gw_str key;
    struct claim claim;
    enum keyed_phase phase;
    struct gw_record_write write;
    enum gw_keyed_begin result; /* of the beginning */
    int64_t number;             /* that came with it */
    struct gw_str kept;         /* the answer that came with it */
    bool has_result;
    int64_t begun_before;        /* under how many earlier claims */
    struct gw_keyed_claim shown; /* to whoever fulfils the request */
    enum outcome outcome;        /* at the end */
    bool is_ours;                /* the end was accepted */
};

/* A metric of that name, metric_<word>. */
#define KEYED_COUNTER(word, label)                                                        \
    static const struct gw_metric metric_##word = {"millgate_idempotency_requests_total", \
                                                   "Requests with an Idempotency-Key.",   \
                                                   "result=\"" label "\"", false}

void keyed_count(const struct keyed *keyed, const struct gw_metric *metric);

/* When the request's body is there: claims the key, and lets the request through when that is
 * recorded; or answers. */
enum gw_verdict keyed_begin(void *self, struct gw_exchange *ex);

/* The filter's on_response: records what came of it before the response leaves. */
enum gw_verdict keyed_on_response(void *self, struct gw_exchange *ex);

/* The end of the claim, whose words are set, is written as soon as Redis takes it. */
void keyed_finish_later(struct keyed *keyed, bool is_doubtful);
