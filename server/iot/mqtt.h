/* One connection to an MQTT broker: 3.1.1 or 5, over libmosquitto, driven by our loop.
 *
 * It connects by itself, again and again with back-off, keeps its session with the broker (QoS 1
 * messages that come while it is away are kept there), subscribes anew where the broker has
 * forgotten, and tells of every change. Messages are given in the order of the broker.
 *
 * libmosquitto acknowledges a message before it hands it on, but only into its own queue: with
 * `holds_acknowledgements` nothing of that queue leaves until gw_mqtt_acknowledge() says that what
 * was handed on is safe. Until then the broker has the message still, and gives it to whoever comes
 * back under our name (docs/adr/0024-acknowledged-behind-the-commit.md).
 *
 * One loop's thread. Standards: MQTT 3.1.1 (OASIS 2014), MQTT 5.0 (OASIS 2019). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_loop;
struct gw_mqtt;

/* Texts are copied, each ends in NUL. A number left 0 takes the default. */
struct gw_mqtt_config {
    struct gw_str name; /* of the broker in the configuration, for logs */
    struct gw_str host;
    uint16_t port;           /* 1883, with TLS 8883 */
    unsigned protocol;       /* 4: MQTT 3.1.1, or 5; default 5 */
    struct gw_str client_id; /* with a kept session: the same at every start, and nobody else's */
    struct gw_str user, password;             /* empty: none */
    struct gw_str ca_file;                    /* empty: plain TCP */
    struct gw_str certificate_file, key_file; /* of ours; may be empty */
    bool is_clean;                            /* no session is kept */
    bool holds_acknowledgements;              /* until gw_mqtt_acknowledge() */
    uint32_t session_expiry_s;                /* of MQTT 5; 24 h */
    uint32_t keepalive_s;                     /* 30 */
    uint32_t max_inflight;       /* QoS 1 messages that the broker sends ahead, MQTT 5; 100 */
    uint32_t max_message_bytes;  /* larger ones are dropped and counted; 1 MiB */
    uint64_t connect_timeout_ns; /* to the broker's CONNACK; 10 s */
};

/* Whether a connection of one is a connection of the other. */
bool gw_mqtt_config_is_equal(const struct gw_mqtt_config *a, const struct gw_mqtt_config *b);

struct gw_mqtt_events {
    void *self;
    /* Of the QoS with which the broker gives it. */
    void (*on_message)(void *self, struct gw_str topic, struct gw_str payload, int qos,
                       bool is_retained);
    /* Up, or no longer; `reason` says why it is not. With `has_session` the broker goes on where it
     * was; else messages may have been missed. */
    void (*on_state)(void *self, bool is_up, bool has_session, const char *reason);
    /* It is larger than `max_message_bytes`, and dropped. May be NULL. */
    void (*on_oversized)(void *self, struct gw_str topic, size_t bytes);
    /* Before every connection: sets the will with gw_mqtt_set_will(). May be NULL. */
    void (*on_connecting)(void *self);
};

struct gw_mqtt_stats {
    uint64_t messages, bytes; /* received */
    uint64_t published;
    uint64_t connects, failures;
    uint64_t oversized;
};

/* Starts connecting at the loop's next turn. */
GW_MUST_CHECK
int gw_mqtt_create(struct gw_loop *loop, const struct gw_mqtt_config *config,
                   const struct gw_mqtt_events *events, struct gw_mqtt **out_mqtt,
                   struct gw_error *error);
/* Says good-bye to the broker (its session stays) and is gone. Not from a callback. NULL is safe.
 * The loop has to turn once more if it was about to connect. */
void gw_mqtt_destroy(struct gw_mqtt *mqtt);

/* Remembered: subscribed now and whenever the broker has no session. At most 10,000 filters.
 * 0, -ENOSPC, -ENOMEM, -EINVAL (no filter that MQTT allows). */
GW_MUST_CHECK
int gw_mqtt_subscribe(struct gw_mqtt *mqtt, struct gw_str filter, int qos);
void gw_mqtt_unsubscribe(struct gw_mqtt *mqtt, struct gw_str filter);

/* -ENOTCONN, -EINVAL (topic), -EMSGSIZE, -ENOMEM. */
GW_MUST_CHECK
int gw_mqtt_publish(struct gw_mqtt *mqtt, struct gw_str topic, struct gw_str payload, int qos,
                    bool is_retained);

/* Of the next connection. */
void gw_mqtt_set_will(struct gw_mqtt *mqtt, struct gw_str topic, struct gw_str payload, int qos,
                      bool is_retained);

/* What was handed on so far is safe: its acknowledgements may leave. While they are held nothing
 * else leaves either. */
void gw_mqtt_acknowledge(struct gw_mqtt *mqtt);

/* While it is paused nothing is read: the broker keeps what comes. Not for longer than the
 * keep-alive. */
void gw_mqtt_pause(struct gw_mqtt *mqtt, bool is_paused);

bool gw_mqtt_is_up(const struct gw_mqtt *mqtt);
const struct gw_mqtt_stats *gw_mqtt_get_stats(const struct gw_mqtt *mqtt);
