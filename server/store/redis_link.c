#include "server/store/redis_link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/hash.h"
#include "server/core/log.h"

#define READ_BYTES (16 * 1024)
#define FIRST_BACKOFF_MS 50
#define LAST_BACKOFF_MS 2000

/* --- losing the connection --- */

static void on_retry(struct gw_timer *timer)
{
    gw_redis_link_open(GW_CONTAINER_OF(timer, struct gw_redis, retry));
}

/* Half of the delay is drawn, so that a fleet does not come back in step. */
static void retry_later(struct gw_redis *redis)
{
    uint64_t seed[2] = {(uint64_t)(uintptr_t)redis, gw_clock_monotonic_ns()};
    uint64_t draw = gw_hash(gw_hash_process_key(), gw_str_from((char *)seed, sizeof(seed)));

    if (redis->backoff_ms == 0)
        redis->backoff_ms = FIRST_BACKOFF_MS;
    uint64_t delay_ms = redis->backoff_ms / 2 + draw % (redis->backoff_ms / 2 + 1);
    redis->backoff_ms *= 2;
    if (redis->backoff_ms > LAST_BACKOFF_MS)
        redis->backoff_ms = LAST_BACKOFF_MS;
    gw_timer_start(redis->loop, &redis->retry, delay_ms * GW_NS_PER_MS, on_retry);
}

static void set_down(struct gw_redis *redis)
{
    bool was_up = redis->state == GW_REDIS_UP;

    redis->state = GW_REDIS_DOWN;
    redis->is_broken = redis->is_blocked = false;
    redis->greetings = 0;
    gw_timer_stop(&redis->connect);
    gw_timer_stop(&redis->stall);
    gw_stream_close(redis->stream);
    redis->stream = NULL;
    gw_reply_reader_finish(&redis->reader);
    if (was_up)
        redis->stats.disconnects++;
    else
        redis->stats.failed_connects++;
    retry_later(redis);
    if (redis->sentinel != NULL)
        gw_sentinel_hurry(redis->sentinel);
    gw_redis_fail_calls(redis); /* looks at written_bytes */
    gw_buf_clear(&redis->out);
    gw_buf_clear(&redis->waiting_bytes);
}

void gw_redis_link_break(struct gw_redis *redis, const char *format, ...)
{
    char reason[sizeof(redis->reason)];
    va_list args;

    if (redis->is_broken || redis->state == GW_REDIS_DOWN)
        return;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);

    /* A Redis that stays away is not news each time that we try. */
    bool is_news = redis->state == GW_REDIS_UP || strcmp(reason, redis->reason) != 0;
    memcpy(redis->reason, reason, sizeof(reason));
    if (is_news)
        gw_log_warn("%s: %s: %s", redis->label,
                    redis->state == GW_REDIS_UP ? "connection lost" : "no connection", reason);
    if (redis->is_reading)
        redis->is_broken = true;
    else
        set_down(redis);
}

/* --- writing --- */

void gw_redis_link_flush(struct gw_redis *redis)
{
    if (redis->out.len == 0 || redis->stream == NULL || redis->is_blocked || redis->is_broken)
        return;

    struct iovec piece = {redis->out.ptr, redis->out.len};
    ssize_t written = gw_stream_write(redis->stream, &piece, 1);
    redis->stats.writes++;
    if (written < 0) {
        gw_redis_link_break(redis, "cannot write: %s", strerror((int)-written));
        return;
    }
    redis->written_bytes += (uint64_t)written;
    gw_buf_consume(&redis->out, (size_t)written);
    redis->is_blocked = redis->out.len > 0;
}

static void on_writable(void *self)
{
    struct gw_redis *redis = self;

    redis->is_blocked = false;
    gw_redis_link_flush(redis);
}

static uint64_t oldest_age_ns(const struct gw_redis *redis)
{
    if (gw_list_is_empty(&redis->sent))
        return 0;
    return gw_loop_now_ns(redis->loop) -
           GW_LIST_ITEM(redis->sent.next, struct gw_redis_call, node)->sent_ns;
}

static void on_stall(struct gw_timer *timer)
{
    struct gw_redis *redis = GW_CONTAINER_OF(timer, struct gw_redis, stall);

    gw_redis_link_read(redis); /* perhaps it was us who were slow */
    uint64_t age_ns = oldest_age_ns(redis);
    if (age_ns >= redis->config.stall_ns)
        gw_redis_link_break(redis, "no answer for %u ms", (unsigned)(age_ns / GW_NS_PER_MS));
    else
        gw_redis_link_watch(redis);
}

void gw_redis_link_watch(struct gw_redis *redis)
{
    if (redis->stall.due_ms != 0 || redis->state != GW_REDIS_UP || gw_list_is_empty(&redis->sent))
        return;

    uint64_t age_ns = oldest_age_ns(redis);
    uint64_t stall_ns = redis->config.stall_ns;
    gw_timer_start(redis->loop, &redis->stall, age_ns < stall_ns ? stall_ns - age_ns : 0, on_stall);
}

/* --- reading --- */

static void take_bytes(struct gw_redis *redis, const char *bytes, size_t len)
{
    const struct gw_reply *reply = NULL;
    struct gw_error error;
    int rc = gw_reply_reader_feed(&redis->reader, bytes, len);

    if (rc != 0) {
        gw_redis_link_break(redis,
                            rc == -EMSGSIZE ? "a reply is larger than %zu bytes"
                                            : "no memory for a reply of up to %zu bytes",
                            redis->config.max_reply_bytes);
        return;
    }
    while (!redis->is_broken) {
        rc = gw_reply_reader_next(&redis->reader, &reply, &error);
        if (rc != 0)
            gw_redis_link_break(redis, "%s", error.text);
        else if (reply == NULL)
            return;
        else if (!gw_redis_take_reply(redis, reply))
            gw_redis_link_break(redis, "a reply that answers no command");
    }
}

void gw_redis_link_read(struct gw_redis *redis)
{
    char bytes[READ_BYTES];
    ssize_t len = READ_BYTES;

    if (redis->stream == NULL || redis->is_reading || !gw_stream_is_open(redis->stream))
        return;
    redis->is_reading = true;
    while (len == READ_BYTES && !redis->is_broken) {
        len = gw_stream_read(redis->stream, bytes, sizeof(bytes));
        if (len > 0)
            take_bytes(redis, bytes, (size_t)len);
        else if (len == 0)
            gw_redis_link_break(redis, "Redis closed the connection");
        else if (len != -EAGAIN)
            gw_redis_link_break(redis, "cannot read: %s", strerror((int)-len));
    }
    redis->is_reading = false;
    if (redis->is_broken)
        set_down(redis);
}

static void on_readable(void *self)
{
    gw_redis_link_read(self);
}

/* --- getting the connection --- */

static void set_up(struct gw_redis *redis)
{
    gw_timer_stop(&redis->connect);
    redis->state = GW_REDIS_UP;
    redis->backoff_ms = 0;
    redis->stats.connects++;
    gw_log_info("%s: connected", redis->label);
    gw_redis_send_waiting(redis);
}

/* The last reply of the greeting is PING's: "LOADING" or "NOAUTH" are seen there at the latest. */
static void on_greeting(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_redis *redis = self;

    if (rc != 0 || redis->is_broken)
        return;
    if (reply->type == GW_REPLY_ERROR)
        gw_redis_link_break(redis, "%.*s", GW_STR_ARG(reply->text));
    else if (--redis->greetings == 0)
        set_up(redis);
}

/* Whoever the sentinels name may have stopped to be one. */
static void on_role(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_redis *redis = self;

    if (rc != 0 || redis->is_broken)
        return;
    if (reply->type == GW_REPLY_ERROR)
        gw_redis_link_break(redis, "it does not tell its role: %.*s", GW_STR_ARG(reply->text));
    else if (reply->count == 0 || !gw_str_equal(reply->items[0].text, GW_STR("master")))
        gw_redis_link_break(redis, "it is not a primary");
}

/* An ACL may forbid to set a name; we can do without. */
static void on_named(void *self, int rc, const struct gw_reply *reply)
{
    (void)self, (void)rc, (void)reply;
}

static int greet(struct gw_redis *redis)
{
    const struct gw_redis_config *config = &redis->config;
    struct gw_str user = config->user.len > 0 ? config->user : GW_STR("default");
    struct gw_str auth[] = {GW_STR("AUTH"), user, config->password};
    struct gw_str name[] = {GW_STR("CLIENT"), GW_STR("SETNAME"), config->client_name};
    struct gw_str role[] = {GW_STR("ROLE")};
    struct gw_str ping[] = {GW_STR("PING")};
    char digits[16];
    snprintf(digits, sizeof(digits), "%u", config->database);
    struct gw_str database[] = {GW_STR("SELECT"), gw_str_of(digits)};
    int rc = 0;

    redis->greetings = 1;
    if (config->password.len > 0) {
        redis->greetings++;
        rc = gw_redis_send_own(redis, auth, 3, on_greeting, redis);
    }
    if (rc == 0 && config->database > 0) {
        redis->greetings++;
        rc = gw_redis_send_own(redis, database, 2, on_greeting, redis);
    }
    if (rc == 0 && config->client_name.len > 0)
        rc = gw_redis_send_own(redis, name, 3, on_named, redis);
    if (rc == 0 && redis->sentinel != NULL)
        rc = gw_redis_send_own(redis, role, 1, on_role, redis);
    if (rc == 0)
        rc = gw_redis_send_own(redis, ping, 1, on_greeting, redis);
    return rc;
}

static void on_open(void *self)
{
    struct gw_redis *redis = self;
    int rc = gw_reply_reader_init(&redis->reader, redis->config.max_reply_bytes);

    redis->appended_bytes = redis->written_bytes = 0;
    if (rc == 0)
        rc = greet(redis);
    if (rc == 0)
        gw_redis_link_flush(redis);
    else
        gw_redis_link_break(redis, "no memory");
}

static void on_closed(void *self, enum gw_stream_failure failure, const char *detail)
{
    (void)failure;
    gw_redis_link_break(self, "%s", detail);
}

static void on_connect_timeout(struct gw_timer *timer)
{
    struct gw_redis *redis = GW_CONTAINER_OF(timer, struct gw_redis, connect);

    gw_redis_link_break(redis, "no answer to the greeting");
}

void gw_redis_link_open(struct gw_redis *redis)
{
    static const struct gw_stream_events events = {
        .on_open = on_open,
        .on_readable = on_readable,
        .on_writable = on_writable,
        .on_closed = on_closed,
    };
    const struct gw_redis_config *config = &redis->config;
    struct gw_stream_config stream = {
        .unix_path = config->unix_path,
        .host = config->host,
        .port = config->port,
        .resolver = config->resolver,
        .tls = config->tls,
        .server_name = config->server_name,
        .connect_ns = config->connect_timeout_ns,
    };

    redis->state = GW_REDIS_CONNECTING;
    int rc = gw_stream_open(redis->loop, &stream, &events, redis, &redis->stream);
    if (rc != 0) {
        gw_redis_link_break(redis, "cannot open a connection: %s", strerror(-rc));
        return;
    }
    /* A little later than the stream's own deadline, which knows more about the reason. */
    gw_timer_start(redis->loop, &redis->connect,
                   config->connect_timeout_ns + config->connect_timeout_ns / 8, on_connect_timeout);
}

void gw_redis_link_move(struct gw_redis *redis, struct gw_str host, uint16_t port)
{
    if (gw_str_equal(redis->config.host, host) && redis->config.port == port)
        return;
    gw_redis_link_break(redis, "the primary is at %.*s:%u now", GW_STR_ARG(host), port);
    snprintf(redis->host, sizeof(redis->host), "%.*s", GW_STR_ARG(host));
    redis->config.host = gw_str_of(redis->host);
    redis->config.port = port;
    gw_redis_set_label(redis);
    gw_timer_stop(&redis->retry);
    redis->backoff_ms = 0;
    gw_redis_link_open(redis);
}
