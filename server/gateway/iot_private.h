/* What the files gateway/iot_*.c share. Not for others. */
#pragma once

#include "server/core/buf.h"
#include "server/event/filter.h"
#include "server/gateway/iot.h"
#include "server/gateway/snapshot.h"
#include "server/gateway/view.h"
#include "server/http/problem.h"
#include "server/iot/registry.h"
#include "server/json/value.h"
#include "server/store/redis.h"

#define GW_IOT_MAX_ANSWER_BYTES ((size_t)8 * 1024 * 1024)

/* What a request says, and whose plants the caller may see. */
struct gw_iot_request {
    struct gw_exchange *ex;
    struct gw_value parameters;
    struct gw_event_filter permission;
    const struct gw_registry *registry;
};

/* --- iot_request.c --- */

/* False: a problem is the answer, and has been given. */
GW_MUST_CHECK
bool gw_iot_read_request(struct gw_exchange *ex, struct gw_iot_request *out_request);
bool gw_iot_may_see(const struct gw_iot_request *request, struct gw_str plant);
/* By `group`, `edgeNode` and `device`, which is "-" for an edge node itself. NULL: there is none
 * that the caller may see; that has been answered. */
GW_MUST_CHECK
const struct gw_device_config *gw_iot_find_device(const struct gw_iot_request *request);
/* The parameter; empty where it is not given. */
struct gw_str gw_iot_text(const struct gw_iot_request *request, const char *name);
uint64_t gw_iot_number(const struct gw_iot_request *request, const char *name, uint64_t usual);
/* Who asks, without blanks: for texts in which a blank ends a name. ptr NULL without memory. */
struct gw_str gw_iot_caller(struct gw_exchange *ex);
/* A moment of the parameters, or `usual`. */
int64_t gw_iot_moment(const struct gw_iot_request *request, const char *name, int64_t usual);

/* Ends the exchange with JSON, a problem, or what a failed command means. */
void gw_iot_answer(struct gw_exchange *ex, int status, const struct gw_buf *text, bool has_effect);
void gw_iot_refuse(struct gw_exchange *ex, const char *problem, const char *detail);
void gw_iot_refuse_for(struct gw_exchange *ex, int rc);
/* A buffer that goes with the exchange; NULL without memory, which has been answered. */
GW_MUST_CHECK
struct gw_buf *gw_iot_make_text(struct gw_exchange *ex);

/* Append `,"name":"text"`, nothing where there is none; without the comma behind a "{". */
void gw_iot_write_name(struct gw_buf *out, const char *name);
void gw_iot_write_text(struct gw_buf *out, const char *name, struct gw_str text);
void gw_iot_write_moment(struct gw_buf *out, const char *name, int64_t ms);
void gw_iot_write_number(struct gw_buf *out, const char *name, int64_t number);

/* --- iot_asking.c --- */

/* Commands to Redis whose answers make one. In the exchange's arena; goes with it. */
struct gw_iot_asking {
    struct gw_exchange *ex;
    void *owner;
    /* One answer, which is valid during the call, and no error. May be NULL. */
    void (*on_reply)(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply);
    /* All are there. Where one failed, that has been answered instead. */
    void (*done)(struct gw_iot_asking *asking);
    struct gw_iot_ask *asks;
    size_t max_count, count, waiting;
    int rc;
    bool is_sent;
};

/* 0, -ENOMEM. */
GW_MUST_CHECK
int gw_iot_asking_init(struct gw_iot_asking *asking, struct gw_exchange *ex, size_t max_count);
/* Sends one. Words and `eval` must live in the arena, or be static. */
void gw_iot_ask(struct gw_iot_asking *asking, const struct gw_str *words, size_t count);
void gw_iot_ask_script(struct gw_iot_asking *asking, const struct gw_redis_eval *eval);
/* That were all. */
void gw_iot_asked(struct gw_iot_asking *asking);

/* "millgate:iot:{<node>}:<kind>[<device>/<metric>]", in the arena; ptr NULL without memory. */
struct gw_str gw_iot_key(struct gw_exchange *ex, const struct gw_device_config *device,
                         const char *kind, const struct gw_metric_config *metric);

/* --- iot_devices.c --- */

/* `{"id":...` without the end. */
void gw_iot_write_device(struct gw_buf *out, const struct gw_registry *registry,
                         const struct gw_device_config *device);
