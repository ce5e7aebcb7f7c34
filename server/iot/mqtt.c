#include "server/iot/mqtt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/crypto/random.h"
#include "server/iot/mqtt_private.h"

#define MAX_FILTERS 10000
#define MAX_PACKETS_PER_TURN 200
#define BACKOFF_MIN_NS (500 * GW_NS_PER_MS)
#define BACKOFF_MAX_NS (30 * GW_NS_PER_SECOND)
#define MISC_NS GW_NS_PER_SECOND /* how often libmosquitto looks at its own clocks */

static void begin(struct gw_mqtt *mqtt);

/* --- what libmosquitto calls --- */

static void on_connect(struct mosquitto *client, void *self, int code, int flags,
                       const mosquitto_property *properties)
{
    struct gw_mqtt *mqtt = self;
    size_t position = 0;
    (void)client, (void)properties;

    if (code != 0) {
        snprintf(mqtt->reason, sizeof(mqtt->reason), "the broker refuses: %s",
                 mqtt->config.protocol == 5 ? mosquitto_reason_string(code)
                                            : mosquitto_connack_string(code));
        mqtt->is_lost = true;
        return;
    }
    bool has_session = (flags & 1) != 0; /* MQTT 3.1.1, 3.2.2.2 */
    mqtt->state = UP;
    mqtt->backoff_ns = BACKOFF_MIN_NS;
    mqtt->stats.connects++;
    gw_timer_stop(&mqtt->deadline);
    const struct gw_map_entry *entry;
    while ((entry = gw_map_next(&mqtt->filters, &position)) != NULL) {
        const struct filter *filter = entry->value;
        /* Also with a session: a filter may have come while we were away. */
        (void)mosquitto_subscribe(mqtt->client, NULL, filter->text, filter->qos);
    }
    mqtt->events.on_state(mqtt->events.self, true, has_session, "");
}

static void on_disconnect(struct mosquitto *client, void *self, int code,
                          const mosquitto_property *properties)
{
    struct gw_mqtt *mqtt = self;
    (void)client, (void)properties;

    if (!mqtt->is_lost)
        snprintf(mqtt->reason, sizeof(mqtt->reason), "%s",
                 code == 0 ? "the connection has ended" : mosquitto_strerror(code));
    mqtt->is_lost = true;
}

static void on_message(struct mosquitto *client, void *self,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct gw_mqtt *mqtt = self;
    (void)client, (void)properties;

    mqtt->stats.messages++;
    mqtt->stats.bytes += (size_t)message->payloadlen;
    if ((uint32_t)message->payloadlen > mqtt->config.max_message_bytes) {
        mqtt->stats.oversized++;
        if (mqtt->events.on_oversized != NULL)
            mqtt->events.on_oversized(mqtt->events.self, gw_str_of(message->topic),
                                      (size_t)message->payloadlen);
        return; /* nothing is owed for it: nobody will say that it is safe */
    }
    if (message->qos > 0 && mqtt->config.holds_acknowledgements)
        mqtt->is_owing = true;
    mqtt->events.on_message(mqtt->events.self, gw_str_of(message->topic),
                            gw_str_from(message->payload, (size_t)message->payloadlen),
                            message->qos, message->retain);
}

/* --- the connection --- */

static bool may_write(const struct gw_mqtt *mqtt)
{
    return !mqtt->is_owing && mosquitto_want_write(mqtt->client);
}

/* Until it is up there is nothing but the broker's CONNACK. */
static bool may_read(const struct gw_mqtt *mqtt)
{
    return !mqtt->is_paused || mqtt->state != UP;
}

static void watch(struct gw_mqtt *mqtt)
{
    if (mqtt->poll != NULL)
        gw_poll_set(mqtt->poll,
                    (may_read(mqtt) ? GW_POLL_READ : 0) | (may_write(mqtt) ? GW_POLL_WRITE : 0));
}

static void on_retry(struct gw_timer *timer)
{
    begin(GW_CONTAINER_OF(timer, struct gw_mqtt, retry));
}

static uint64_t jittered(uint64_t ns)
{
    uint64_t random;

    gw_random_bytes(&random, sizeof(random));
    return ns / 2 + random % (ns / 2 + 1);
}

static void stop_polling(struct gw_mqtt *mqtt)
{
    if (mqtt->poll == NULL)
        return;
    gw_poll_destroy(mqtt->poll);
    close(mqtt->fd);
    mqtt->poll = NULL;
}

static void lose(struct gw_mqtt *mqtt)
{
    bool was_up = mqtt->state == UP;

    stop_polling(mqtt);
    gw_timer_stop(&mqtt->deadline);
    gw_timer_stop(&mqtt->misc);
    mqtt->state = WAITING;
    mqtt->is_lost = false;
    mqtt->is_owing = false; /* the broker gives them again */
    mqtt->stats.failures++;
    uint64_t wait_ns = jittered(mqtt->backoff_ns);
    gw_log(GW_LOG_WARN, "mqtt %.*s: %s; again in %llu ms", GW_STR_ARG(mqtt->config.name),
           mqtt->reason, (unsigned long long)(wait_ns / GW_NS_PER_MS));
    mqtt->backoff_ns *= 2;
    if (mqtt->backoff_ns > BACKOFF_MAX_NS)
        mqtt->backoff_ns = BACKOFF_MAX_NS;
    gw_timer_start(mqtt->loop, &mqtt->retry, wait_ns, on_retry);
    if (was_up)
        mqtt->events.on_state(mqtt->events.self, false, false, mqtt->reason);
}

/* After every call of libmosquitto that does input or output. */
static void settle(struct gw_mqtt *mqtt, int code)
{
    if (code != MOSQ_ERR_SUCCESS && !mqtt->is_lost) {
        snprintf(mqtt->reason, sizeof(mqtt->reason), "%s",
                 code == MOSQ_ERR_ERRNO ? "the connection has failed" : mosquitto_strerror(code));
        mqtt->is_lost = true;
    }
    if (mqtt->is_lost)
        lose(mqtt);
    else
        watch(mqtt);
}

static void on_poll(void *self, int events)
{
    struct gw_mqtt *mqtt = self;
    int code = MOSQ_ERR_SUCCESS;

    if ((events & GW_POLL_WRITE) != 0 && may_write(mqtt))
        code = mosquitto_loop_write(mqtt->client, 1);
    /* One packet a call; errno tells when there is none left. */
    for (int i = 0; (events & GW_POLL_READ) != 0 && i < MAX_PACKETS_PER_TURN; i++) {
        if (code != MOSQ_ERR_SUCCESS || mqtt->is_lost || !may_read(mqtt))
            break;
        errno = 0;
        code = mosquitto_loop_read(mqtt->client, 1);
        if (errno == EAGAIN)
            break;
    }
    if (code == MOSQ_ERR_SUCCESS && !mqtt->is_lost && may_write(mqtt))
        code = mosquitto_loop_write(mqtt->client, 1);
    settle(mqtt, code);
}

static void on_misc(struct gw_timer *timer)
{
    struct gw_mqtt *mqtt = GW_CONTAINER_OF(timer, struct gw_mqtt, misc);

    gw_timer_start(mqtt->loop, &mqtt->misc, MISC_NS, on_misc);
    settle(mqtt, mosquitto_loop_misc(mqtt->client));
}

static void on_deadline(struct gw_timer *timer)
{
    struct gw_mqtt *mqtt = GW_CONTAINER_OF(timer, struct gw_mqtt, deadline);

    snprintf(mqtt->reason, sizeof(mqtt->reason), "no CONNACK in time");
    (void)mosquitto_disconnect(mqtt->client);
    lose(mqtt);
}

static void destroy_client(struct gw_mqtt *mqtt);

/* On a thread of the pool, as libmosquitto resolves names by itself and waits for that. Nobody else
 * touches the client meanwhile. */
static void start(void *self)
{
    struct gw_mqtt *mqtt = self;

    mqtt->start_rc = mosquitto_connect_async(mqtt->client, mqtt->config.host.ptr, mqtt->config.port,
                                             (int)mqtt->config.keepalive_s);
    if (mqtt->start_rc == MOSQ_ERR_ERRNO)
        snprintf(mqtt->reason, sizeof(mqtt->reason), "%s", strerror(errno));
}

static void on_started(void *self)
{
    struct gw_mqtt *mqtt = self;

    if (mqtt->is_leaving) {
        destroy_client(mqtt);
        return;
    }
    mqtt->state = CONNECTING;
    int fd = mosquitto_socket(mqtt->client);
    if (mqtt->start_rc != MOSQ_ERR_SUCCESS || fd < 0) {
        if (mqtt->start_rc != MOSQ_ERR_ERRNO)
            snprintf(mqtt->reason, sizeof(mqtt->reason), "%s", mosquitto_strerror(mqtt->start_rc));
        lose(mqtt);
        return;
    }
    mqtt->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (mqtt->fd < 0 || gw_poll_create(mqtt->loop, mqtt->fd, on_poll, mqtt, &mqtt->poll) != 0) {
        if (mqtt->fd >= 0)
            close(mqtt->fd);
        snprintf(mqtt->reason, sizeof(mqtt->reason), "out of memory");
        (void)mosquitto_disconnect(mqtt->client);
        lose(mqtt);
        return;
    }
    gw_timer_start(mqtt->loop, &mqtt->deadline, mqtt->config.connect_timeout_ns, on_deadline);
    gw_timer_start(mqtt->loop, &mqtt->misc, MISC_NS, on_misc);
    watch(mqtt);
}

static void begin(struct gw_mqtt *mqtt)
{
    if (mqtt->events.on_connecting != NULL)
        mqtt->events.on_connecting(mqtt->events.self);
    mqtt->state = STARTING;
    if (gw_loop_offload(mqtt->loop, start, on_started, mqtt) == 0)
        return;
    snprintf(mqtt->reason, sizeof(mqtt->reason), "out of memory");
    lose(mqtt);
}

/* --- making it --- */

int gw_mqtt_create(struct gw_loop *loop, const struct gw_mqtt_config *config,
                   const struct gw_mqtt_events *events, struct gw_mqtt **out_mqtt,
                   struct gw_error *error)
{
    struct gw_mqtt *mqtt = calloc(1, sizeof(*mqtt));

    if (mqtt == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    mqtt->loop = loop;
    mqtt->events = *events;
    mqtt->backoff_ns = BACKOFF_MIN_NS;
    gw_map_init(&mqtt->filters, MAX_FILTERS);
    int rc = gw_mqtt_copy_config(mqtt, config);
    rc = rc != 0 ? gw_error_set(error, rc, "out of memory") : gw_mqtt_set_up(mqtt, error);
    if (rc != 0) {
        destroy_client(mqtt);
        return rc;
    }
    mosquitto_connect_v5_callback_set(mqtt->client, on_connect);
    mosquitto_disconnect_v5_callback_set(mqtt->client, on_disconnect);
    mosquitto_message_v5_callback_set(mqtt->client, on_message);
    gw_timer_start(loop, &mqtt->retry, 0, on_retry);
    *out_mqtt = mqtt;
    return 0;
}

static void destroy_client(struct gw_mqtt *mqtt)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    if (mqtt->client != NULL)
        mosquitto_destroy(mqtt->client);
    while ((entry = gw_map_next(&mqtt->filters, &position)) != NULL) {
        struct filter *filter = entry->value;
        free(filter->text);
        free(filter);
    }
    gw_map_finish(&mqtt->filters);
    gw_mqtt_free_config(mqtt);
    free(mqtt);
}

void gw_mqtt_destroy(struct gw_mqtt *mqtt)
{
    if (mqtt == NULL)
        return;
    gw_timer_stop(&mqtt->retry);
    gw_timer_stop(&mqtt->deadline);
    gw_timer_stop(&mqtt->misc);
    stop_polling(mqtt);
    if (mqtt->state == STARTING) {
        mqtt->is_leaving = true; /* on_started() ends it */
        return;
    }
    if (mqtt->state == UP && !mqtt->is_lost && mosquitto_disconnect(mqtt->client) == 0 &&
        !mqtt->is_owing)
        (void)mosquitto_loop_write(mqtt->client, 1);
    destroy_client(mqtt);
}

/* --- what it is asked for --- */

int gw_mqtt_subscribe(struct gw_mqtt *mqtt, struct gw_str filter, int qos)
{
    if (gw_map_get(&mqtt->filters, filter) != NULL)
        return 0;
    struct filter *kept = calloc(1, sizeof(*kept));
    char *text = gw_str_duplicate(filter);
    int rc = kept == NULL || text == NULL ? -ENOMEM : 0;

    if (rc == 0 && (strlen(text) != filter.len || mosquitto_sub_topic_check(text) != 0))
        rc = -EINVAL;
    if (rc == 0) {
        *kept = (struct filter){text, qos};
        rc = gw_map_add(&mqtt->filters, gw_str_of(text), kept);
    }
    if (rc != 0) {
        free(text);
        free(kept);
        return rc;
    }
    if (mqtt->state == UP) {
        (void)mosquitto_subscribe(mqtt->client, NULL, text, qos); /* lost: it is done again */
        watch(mqtt);
    }
    return 0;
}

void gw_mqtt_unsubscribe(struct gw_mqtt *mqtt, struct gw_str filter)
{
    struct filter *kept = gw_map_remove(&mqtt->filters, filter);

    if (kept == NULL)
        return;
    if (mqtt->state == UP) {
        (void)mosquitto_unsubscribe(mqtt->client, NULL, kept->text);
        watch(mqtt);
    }
    free(kept->text);
    free(kept);
}

int gw_mqtt_publish(struct gw_mqtt *mqtt, struct gw_str topic, struct gw_str payload, int qos,
                    bool is_retained)
{
    if (mqtt->state != UP || mqtt->is_lost)
        return -ENOTCONN;
    char *name = gw_str_duplicate(topic);
    if (name == NULL)
        return -ENOMEM;
    int code = strlen(name) != topic.len
                   ? MOSQ_ERR_INVAL
                   : mosquitto_publish(mqtt->client, NULL, name, (int)payload.len, payload.ptr, qos,
                                       is_retained);
    free(name);
    watch(mqtt);
    switch (code) {
    case MOSQ_ERR_SUCCESS:
        mqtt->stats.published++;
        return 0;
    case MOSQ_ERR_NOMEM:
        return -ENOMEM;
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_ERRNO:
        return -ENOTCONN;
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return -EMSGSIZE;
    default:
        return -EINVAL;
    }
}

void gw_mqtt_set_will(struct gw_mqtt *mqtt, struct gw_str topic, struct gw_str payload, int qos,
                      bool is_retained)
{
    char *name = gw_str_duplicate(topic);

    if (name == NULL || mosquitto_will_set(mqtt->client, name, (int)payload.len, payload.ptr, qos,
                                           is_retained) != MOSQ_ERR_SUCCESS)
        gw_log(GW_LOG_WARN, "mqtt %.*s: the will could not be set", GW_STR_ARG(mqtt->config.name));
    free(name);
}

void gw_mqtt_acknowledge(struct gw_mqtt *mqtt)
{
    if (!mqtt->is_owing)
        return;
    mqtt->is_owing = false;
    watch(mqtt);
}

void gw_mqtt_pause(struct gw_mqtt *mqtt, bool is_paused)
{
    if (mqtt->is_paused == is_paused)
        return;
    mqtt->is_paused = is_paused;
    watch(mqtt);
}

bool gw_mqtt_is_up(const struct gw_mqtt *mqtt)
{
    return mqtt->state == UP && !mqtt->is_lost;
}

const struct gw_mqtt_stats *gw_mqtt_get_stats(const struct gw_mqtt *mqtt)
{
    return &mqtt->stats;
}
