/* What the files gateway/events_*.c share. Not for others. */
#pragma once

#include "server/gateway/events.h"
#include "server/gateway/view.h"
#include "server/http/problem.h"
#include "server/json/value.h"

/* --- events_request.c --- */

/* What a request for events says. */
struct gw_events_request {
    struct gw_value parameters;
    struct gw_event_filter filter; /* in the exchange's arena */
    bool has_start;                /* else it begins now */
    struct gw_event_position start[GW_EVENT_MAX_PARTITIONS];
};

/* Reads the parameters and whose plants the caller may see. False: a problem is the response. */
GW_MUST_CHECK
bool gw_events_read_request(struct gw_exchange *ex, unsigned partitions,
                            struct gw_events_request *out_request);
/* The permission alone. False: a problem is the response. */
GW_MUST_CHECK
bool gw_events_read_permission(struct gw_exchange *ex, struct gw_event_filter *filter);
/* `from`: a moment or a place. False: it is neither. */
GW_MUST_CHECK
bool gw_events_read_from(struct gw_str text, unsigned partitions,
                         struct gw_event_position *positions);
/* A whole number, or `usual` where it is not given. */
uint64_t gw_events_number(const struct gw_value *parameters, struct gw_str name, uint64_t usual);

/* `wait`: how long the caller wants to wait for an event; less where it has less time. False: it is
 * none. */
GW_MUST_CHECK
bool gw_events_read_wait(const struct gw_exchange *ex, const struct gw_value *parameters,
                         uint64_t *out_ns);

/* Has the worker room for one more who reads? False: a problem is the response. */
GW_MUST_CHECK
bool gw_events_admit(struct gw_exchange *ex, const struct gw_event_service *service);

/* Appends {"place":...,"event":...}. */
void gw_events_write_item(struct gw_buf *out, const struct gw_event_place *place,
                          struct gw_str json);
/* A buffer that goes with the exchange; NULL without memory. */
struct gw_buf *gw_events_make_text(struct gw_exchange *ex, size_t max_bytes);
/* Answers with JSON. */
void gw_events_answer(struct gw_exchange *ex, int status, const struct gw_buf *text,
                      bool has_effect);
/* Answers with a problem. */
void gw_events_refuse(struct gw_exchange *ex, const char *problem, const char *detail);
/* What a failed command to Redis means for the caller. */
void gw_events_refuse_for(struct gw_exchange *ex, int rc);

/* --- events_publish.c --- */

/* Is it as the contract of events has it? NULL, or the problem: then with a detail, and where it is
 * so which members are wrong (a JSON array, or empty). *out_rc -ENOMEM: it is not known. */
const char *gw_events_check_type(struct gw_exchange *ex, const struct gw_event *event,
                                 struct gw_str *out_detail, struct gw_str *out_errors, int *out_rc);

/* --- events_stream.c --- */

void gw_event_streams_end(struct gw_event_service *service);
