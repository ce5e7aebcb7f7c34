/* The inside of a connection to a broker, shared by its files. Not for others. */
#pragma once

#include <mosquitto.h>

#include "server/core/map.h"
#include "server/iot/mqtt.h"
#include "server/net/loop.h"

enum mqtt_state {
    WAITING,    /* until it tries again */
    STARTING,   /* a thread of the pool looks the name up and begins */
    CONNECTING, /* until the broker's CONNACK */
    UP,
};

struct filter {
    char *text;
    int qos;
};

struct gw_mqtt {
    struct gw_loop *loop;
    struct gw_mqtt_config config; /* with texts of its own */
    struct gw_mqtt_events events;
    struct mosquitto *client;
    enum mqtt_state state;
    bool is_paused;
    bool is_owing;   /* acknowledgements are held */
    bool is_leaving; /* destroyed while a thread of the pool has it */
    bool is_lost;    /* libmosquitto has said so, within one of its own calls */
    int start_rc;
    char reason[160];
    struct gw_poll *poll;
    int fd; /* of our own for the same connection, as libmosquitto closes its own without notice */
    struct gw_timer retry, deadline, misc;
    uint64_t backoff_ns;
    struct gw_map filters; /* struct filter */
    struct gw_mqtt_stats stats;
};

/* --- mqtt_set_up.c --- */

/* Copies the texts and puts the defaults in. -ENOMEM: what was copied is to be freed. */
GW_MUST_CHECK
int gw_mqtt_copy_config(struct gw_mqtt *mqtt, const struct gw_mqtt_config *given);
void gw_mqtt_free_config(struct gw_mqtt *mqtt);
/* libmosquitto's client, with all that it must know before it connects. */
GW_MUST_CHECK
int gw_mqtt_set_up(struct gw_mqtt *mqtt, struct gw_error *error);
