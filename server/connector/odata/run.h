/* One call of a function under way: requests of it are sent one behind the other, each with its
 * CSRF token where the service wants one, and it ends once. Private to connector/odata.
 *
 * All of a run lies in its call's arena. One worker's thread. */
#pragma once

#include "server/connector/connector.h"
#include "server/connector/odata/answer.h"
#include "server/connector/odata/refusal.h"
#include "server/connector/odata/request.h"
#include "server/http/exchange.h"

struct gw_call;
struct gw_call_answer;
struct odata_run;

#define ODATA_MAX_TOKEN_BYTES 1024
#define ODATA_MAX_COOKIE_BYTES 4096

/* A connector's instance: one worker's, for one backend. */
struct odata {
    struct odata_settings settings;
    const struct gw_backend *backend;
    /* SAP Gateway's token and the session it belongs to; empty: none was fetched yet. */
    size_t token_len, cookie_len;
    char token[ODATA_MAX_TOKEN_BYTES], cookie[ODATA_MAX_COOKIE_BYTES];
};

/* An answer; all of it lies in the run's arena. */
struct odata_reply {
    enum gw_connector_error error; /* GW_CONNECTOR_OK: the status is a success */
    int status;                    /* 0: none came */
    struct gw_str body;
    const struct gw_value *value; /* of the body, where it was read already; else NULL */
    struct gw_str content_type;
    struct gw_str etag;
    uint64_t retry_ns;
    const char *problem; /* as in gw_connector_failure */
    struct odata_refusal
        refusal; /* of an error; `message` says what came where none was an answer */
};

typedef void odata_then_fn(struct odata_run *run, const struct odata_reply *reply);

struct odata_run {
    struct odata *odata;
    struct gw_connector_call *call;
    void *state; /* the function's own */

    /* --- what is being sent: run.c --- */
    const struct odata_request *request;
    struct gw_str content_type; /* of the body; empty: JSON */
    odata_then_fn *then;
    struct gw_call *http;
    bool is_repeatable; /* sending a write twice is one effect */
    bool has_fetched;   /* a token, for this request: a second refusal is one */
    bool is_fetching;   /* what is under way is that */
};

/* A run for `call`; NULL without memory: the call has failed then. */
struct odata_run *odata_run_create(struct odata *odata, struct gw_connector_call *call,
                                   size_t state_bytes);

/* The request of the function `name` with the call's arguments. False: the call has failed. */
GW_MUST_CHECK
bool odata_run_build(struct odata_run *run, const char *name, struct odata_request *out_request);

/* `then` is called once, unless the call is cancelled. `request` lies in the arena, or in what is
 * the run's. */
void odata_run_send(struct odata_run *run, const struct odata_request *request,
                    odata_then_fn *then);

/* The ends. Nothing of the run may be touched afterwards. */
void odata_run_done(struct odata_run *run, struct gw_value result);
void odata_run_refuse(struct odata_run *run, const struct odata_reply *reply);
void odata_run_fail(struct odata_run *run, enum gw_connector_error error, int status,
                    const char *reason);
/* The answer cannot be used: of a write that nobody may send again nothing is known then. */
void odata_run_fail_rubbish(struct odata_run *run, int status, const char *reason);
void odata_run_fail_memory(struct odata_run *run);
/* A success: as odata_answer_read(). */
GW_MUST_CHECK
int odata_run_read(const struct odata_run *run, const struct odata_request *request,
                   struct gw_str name, const struct odata_reply *reply,
                   struct odata_answer *out_answer, struct gw_error *error);

/* --- csrf.c ----------------------------------------------------------------------------------- */

/* Keeps token and cookies of an answer to "X-CSRF-Token: Fetch". False: it has none. */
GW_MUST_CHECK
bool odata_csrf_keep(struct odata *odata, const struct gw_call_answer *answer);
/* Whether it refuses a write for its token. */
bool odata_csrf_is_refused(const struct gw_call_answer *answer);
void odata_csrf_forget(struct odata *odata);

/* --- fields.c --------------------------------------------------------------------------------- */

#define ODATA_MAX_FIELDS 16

/* The fields of the run's request (of the fetching of a token: those of that). Their texts lie in
 * the arena or are static. 0 or -ENOMEM. */
GW_MUST_CHECK
int odata_fields(const struct odata_run *run, struct gw_field out_fields[ODATA_MAX_FIELDS],
                 size_t *out_count);
