/* Redis for one worker: one pipelined connection, commands and replies without blocking.
 *
 * The commands of one loop turn leave in one write. Every command has a deadline of its own; its
 * callback is called exactly once, later, from the loop (never inside the function that sent the
 * command), unless it is cancelled. While there is no connection, commands are refused at once; the
 * connection is made again by itself, with back-off. Blocking commands, subscriptions and MULTI do
 * not belong here: they need a connection of their own.
 *
 * All functions belong to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/store/reply.h"
#include "server/store/script.h"

struct gw_loop;
struct gw_redis;
struct gw_redis_call; /* one command on its way */
struct gw_resolver;
struct gw_tls;

#define GW_REDIS_HOST_BYTES 256 /* with its NUL */

struct gw_redis_address {
    struct gw_str host; /* name or address, without brackets */
    uint16_t port;
};

/* Strings are copied. A number left 0 takes the default. Who is meant: a unix socket, or a host and
 * port, or nodes: with a primary's name they are sentinels, without they are some of a cluster's.
 * In a cluster a command's key is its first argument, a script's keys are of one slot, and the
 * database is 0. */
struct gw_redis_config {
    struct gw_str unix_path; /* or: */
    struct gw_str host;
    uint16_t port; /* 6379 */
    const struct gw_redis_address *nodes;
    size_t node_count;
    struct gw_str primary_name;                     /* of Sentinel's "master" */
    struct gw_str sentinel_user, sentinel_password; /* as user and password, for the sentinels */
    struct gw_resolver
        *resolver;             /* for names; NULL: addresses only. Borrowed for life, as tls is */
    struct gw_tls *tls;        /* NULL: plain TCP */
    struct gw_str server_name; /* for TLS; empty: host */
    struct gw_str user;        /* empty: Redis' "default" */
    struct gw_str password;    /* empty: no AUTH */
    unsigned database;
    struct gw_str client_name;   /* for CLIENT LIST; empty: none */
    uint64_t timeout_ns;         /* of a command; 20 ms */
    uint64_t connect_timeout_ns; /* connection and greeting together; 2 s */
    uint64_t stall_ns;           /* an answer older than this closes the connection; 1 s */
    size_t max_calls;            /* not yet answered; 16,384 */
    size_t max_waiting_calls;    /* while a connection is being made; 256 */
    size_t max_queued_bytes;     /* not yet taken by the kernel; 8 MiB */
    size_t max_reply_bytes;      /* 16 MiB */
};

enum gw_redis_state {
    GW_REDIS_DOWN,       /* waits until it tries again */
    GW_REDIS_CONNECTING, /* connection or greeting in progress */
    GW_REDIS_UP,
};

struct gw_redis_stats {
    uint64_t commands; /* accepted */
    uint64_t replies;  /* given to a callback */
    uint64_t errors;   /* of these, error replies */
    uint64_t timeouts; /* callbacks called with -ETIMEDOUT */
    uint64_t late;     /* replies that came after their time-out or cancellation */
    uint64_t lost;     /* callbacks called because the connection broke */
    uint64_t refused;  /* commands not accepted */
    uint64_t cancelled;
    uint64_t writes;      /* system calls; commands / writes is the size of a batch */
    uint64_t connects;    /* connections that came up */
    uint64_t disconnects; /* connections lost, or given up, after they were up */
    uint64_t failed_connects;
    uint64_t script_loads; /* scripts sent because Redis did not have them */
    uint64_t redirections; /* of a cluster: commands that went on to another node */
    size_t pending;        /* now: not yet answered */
    size_t queued_bytes;   /* now: not yet taken by the kernel */
};

/* `rc` is 0, and `reply` what Redis said (perhaps a GW_REPLY_ERROR), valid during the call; or
 *   -ETIMEDOUT   no answer within the deadline: Redis may have run the command or yet run it,
 *   -ECONNRESET  the connection broke after it was sent: Redis may have run it,
 *   -ENOTCONN    it was never sent. */
typedef void gw_redis_fn(void *self, int rc, const struct gw_reply *reply);

/* Starts connecting. Create it after what sends commands from a check hook of its own (or call
 * gw_redis_flush() at that hook's end): a turn's commands leave in the client's own check hook. */
GW_MUST_CHECK
int gw_redis_create(struct gw_loop *loop, const struct gw_redis_config *config,
                    struct gw_redis **out_redis, struct gw_error *error);

/* Calls no callback any more; not to be called from one. NULL is safe. */
void gw_redis_destroy(struct gw_redis *redis);

struct gw_redis_command {
    const struct gw_str *args; /* the name first; needed during the call only */
    size_t count;
    uint64_t timeout_ns; /* 0: the configuration's */
};

/* Sends a command. 0, or without a callback to come: -ENOTCONN (no connection, or too many wait for
 * one), -ENOBUFS (too much is under way), -ENOMEM. *out_call is valid until the callback is called
 * or the call is cancelled; out_call may be NULL. */
GW_MUST_CHECK
int gw_redis_send(struct gw_redis *redis, const struct gw_redis_command *command, gw_redis_fn *fn,
                  void *self, struct gw_redis_call **out_call);

/* Runs a script; where Redis does not know it, sends it once more with its source, unseen by the
 * caller. `eval` and all that it points to must stay until the callback or the cancellation. Fails
 * as gw_redis_send() does. */
GW_MUST_CHECK
int gw_redis_eval(struct gw_redis *redis, const struct gw_redis_eval *eval, gw_redis_fn *fn,
                  void *self, struct gw_redis_call **out_call);

/* The callback is not called any more. Redis may still run the command. */
void gw_redis_cancel(struct gw_redis_call *call);

/* Sends now what this turn has gathered. If that shows that the connection is broken, the callbacks
 * of its calls are called from here. */
void gw_redis_flush(struct gw_redis *redis);

enum gw_redis_state gw_redis_get_state(const struct gw_redis *redis);
static inline bool gw_redis_is_up(const struct gw_redis *redis)
{
    return gw_redis_get_state(redis) == GW_REDIS_UP;
}
void gw_redis_get_stats(const struct gw_redis *redis, struct gw_redis_stats *out_stats);

/* Why the connection was last lost or not made; "" if it never was. Valid until the next turn. */
const char *gw_redis_get_reason(const struct gw_redis *redis);

/* The servers themselves: the nodes of a cluster that keep slots, or the one there is. NULL at an
 * index that is not used. Valid until the next turn. */
size_t gw_redis_count_nodes(const struct gw_redis *redis);
struct gw_redis *gw_redis_get_node(struct gw_redis *redis, size_t index);

/* Are its keys spread over nodes? Then a command of several keys needs all in one slot. */
bool gw_redis_is_cluster(const struct gw_redis *redis);

/* Within a callback with a reply: the client of the server that answered, for what must be said to
 * the same one (WAIT). It is there as long as a command is under way on it. */
struct gw_redis *gw_redis_get_answering(struct gw_redis *redis);

/* Who it is, for logs and operators: "redis 127.0.0.1:6379". Valid until the next turn. */
const char *gw_redis_get_label(const struct gw_redis *redis);
/* The same without the word redis. */
const char *gw_redis_get_address(const struct gw_redis *redis);
