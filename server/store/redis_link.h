/* The inside of the Redis client, shared by redis.c (creation), redis_calls.c (commands and
 * replies), redis_script.c (EVALSHA) and redis_link.c (the connection). Nobody else includes it. */
#pragma once

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/list.h"
#include "server/net/loop.h"
#include "server/net/stream.h"
#include "server/store/redis.h"
#include "server/store/sentinel.h"

#define GW_REDIS_MAX_SCRIPTS 64
#define GW_REDIS_SHA_BYTES 40

/* What Redis calls a script, once it has said so. The name depends on the source alone, so it
 * stays true over reconnects. */
struct gw_redis_script {
    struct gw_redis *redis;
    const struct gw_script *script;
    char sha[GW_REDIS_SHA_BYTES];
    bool has_sha;
    bool is_loading; /* a SCRIPT LOAD is on its way */
};

struct gw_redis_call {
    struct gw_list node; /* in sent, waiting or free */
    struct gw_timer deadline;
    struct gw_redis *redis;
    gw_redis_fn *fn; /* NULL: nobody waits any more, but the reply still comes */
    void *self;
    const struct gw_redis_eval *eval; /* of a script that may have to be sent again */
    bool is_own;                      /* the client's: not counted */
    uint64_t serial;                  /* changes with each use of this struct */
    uint64_t sent_ns;
    uint64_t offset; /* in sent: of its first byte in all that was ever put out */
    size_t bytes;    /* in waiting: its length */
};

struct gw_redis {
    struct gw_loop *loop;
    struct gw_redis_config config;        /* its strings lie in memory */
    struct gw_arena memory;               /* also of the calls */
    struct gw_cluster *cluster;           /* that does all the work; else NULL */
    struct gw_sentinel *sentinel;         /* that says where the primary is; else NULL */
    char host[GW_REDIS_HOST_BYTES];       /* that it has named */
    char label[GW_REDIS_HOST_BYTES + 32]; /* for the log */
    char reason[320];

    enum gw_redis_state state;
    struct gw_stream *stream;
    struct gw_check *check;
    struct gw_reply_reader reader;
    struct gw_timer retry;   /* while down */
    struct gw_timer connect; /* while connecting */
    struct gw_timer stall;
    uint64_t backoff_ms;
    unsigned greetings; /* replies to the greeting that are still to come */

    struct gw_list sent;    /* in the order in which replies come */
    struct gw_list waiting; /* for the connection, in order */
    struct gw_list free;
    size_t sent_count, waiting_count, call_count; /* call_count: that exist */
    struct gw_buf out;                            /* what the kernel has not taken yet */
    struct gw_buf waiting_bytes;
    uint64_t appended_bytes, written_bytes; /* ever, on this connection */
    uint64_t drained_ns;                    /* the turn in which a time-out last made us read */
    bool is_blocked;                        /* on_writable will follow */
    bool is_reading;
    bool is_broken; /* while reading: close it afterwards */

    struct gw_redis_script scripts[GW_REDIS_MAX_SCRIPTS];
    size_t script_count;
    struct gw_redis_stats stats;
};

/* --- redis.c --- */

void gw_redis_set_label(struct gw_redis *redis);

/* --- redis_calls.c --- */

/* A command that is being written, and what the buffer was when the writing began. */
struct gw_redis_draft {
    struct gw_redis_call *call;
    struct gw_buf *buf;
    size_t before;
};

/* The caller sets fn and self of the call, and appends the command to buf, between the two. Fail
 * as gw_redis_send() does; then the call is given back. */
GW_MUST_CHECK
int gw_redis_begin(struct gw_redis *redis, struct gw_redis_draft *draft);
GW_MUST_CHECK
int gw_redis_commit(struct gw_redis *redis, struct gw_redis_draft *draft, uint64_t timeout_ns);

/* A command that was put into bytes already. As gw_redis_send(). */
struct gw_redis_bytes {
    struct gw_str text;
    uint64_t timeout_ns;
};
GW_MUST_CHECK
int gw_redis_send_bytes(struct gw_redis *redis, const struct gw_redis_bytes *bytes, gw_redis_fn *fn,
                        void *self, struct gw_redis_call **out_call);

/* `bytes` of `call` were appended to out. */
void gw_redis_put_sent(struct gw_redis *redis, struct gw_redis_call *call, size_t bytes);
/* A call of our own, behind what was sent: no deadline, no bound. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_redis_send_own(struct gw_redis *redis, const struct gw_str *words, size_t count,
                      gw_redis_fn *fn, void *self);
/* The reply to the oldest call in sent; false if there is none. */
bool gw_redis_take_reply(struct gw_redis *redis, const struct gw_reply *reply);
/* Moves the calls that waited into sent. */
void gw_redis_send_waiting(struct gw_redis *redis);
/* Answers all calls: the connection is gone. */
void gw_redis_fail_calls(struct gw_redis *redis);

/* --- redis_script.c --- */

/* Redis did not know the script: the same call goes out again, with the source and what is left of
 * its time. False if it cannot. */
GW_MUST_CHECK
bool gw_redis_send_source(struct gw_redis *redis, struct gw_redis_call *call);

/* As gw_redis_eval(), with the source in any case: one command for sure. */
GW_MUST_CHECK
int gw_redis_eval_source(struct gw_redis *redis, const struct gw_redis_eval *eval, gw_redis_fn *fn,
                         void *self, struct gw_redis_call **out_call);

/* --- redis_link.c --- */

void gw_redis_link_open(struct gw_redis *redis);
/* Closes, says why, and tries again later. */
GW_PRINTF(2, 3) void gw_redis_link_break(struct gw_redis *redis, const char *format, ...);
/* The primary is there now: the connection to another one is closed. Not from a callback of this
 * client's calls. */
void gw_redis_link_move(struct gw_redis *redis, struct gw_str host, uint16_t port);
void gw_redis_link_flush(struct gw_redis *redis);
void gw_redis_link_read(struct gw_redis *redis);
/* Watches the oldest call in sent. */
void gw_redis_link_watch(struct gw_redis *redis);
