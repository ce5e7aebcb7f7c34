/* What libmosquitto must know before it connects. */
#include <errno.h>
#include <mqtt_protocol.h>
#include <pthread.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/iot/mqtt_private.h"

#define UNUSABLE_PORT (-1)

static void init_library(void)
{
    (void)mosquitto_lib_init();
}

/* mosquitto_connect_async() takes no properties, but sends those that an earlier call has left; and
 * this one leaves them before it looks at the port. */
static int leave_properties(struct gw_mqtt *mqtt)
{
    mosquitto_property *properties = NULL;
    int code = MOSQ_ERR_SUCCESS;

    if (!mqtt->config.is_clean)
        code = mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                            mqtt->config.session_expiry_s);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_property_add_int16(&properties, MQTT_PROP_RECEIVE_MAXIMUM,
                                            (uint16_t)mqtt->config.max_inflight);
    if (code == MOSQ_ERR_SUCCESS)
        (void)mosquitto_connect_bind_v5(mqtt->client, mqtt->config.host.ptr, UNUSABLE_PORT,
                                        (int)mqtt->config.keepalive_s, NULL, properties);
    mosquitto_property_free_all(&properties);
    return code;
}

int gw_mqtt_set_up(struct gw_mqtt *mqtt, struct gw_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct gw_mqtt_config *config = &mqtt->config;

    pthread_once(&once, init_library);
    mqtt->client = mosquitto_new(config->client_id.ptr, config->is_clean, mqtt);
    if (mqtt->client == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    /* "Threaded", it leaves all writing to mosquitto_loop_write(): else it would answer a message
     * before it hands it on. */
    if (config->holds_acknowledgements)
        mosquitto_threaded_set(mqtt->client, true);
    int code = mosquitto_int_option(mqtt->client, MOSQ_OPT_PROTOCOL_VERSION,
                                    config->protocol == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);

    if (code == MOSQ_ERR_SUCCESS && config->user.len > 0)
        code = mosquitto_username_pw_set(mqtt->client, config->user.ptr,
                                         config->password.len > 0 ? config->password.ptr : NULL);
    if (code == MOSQ_ERR_SUCCESS && config->ca_file.len > 0) {
        code = mosquitto_tls_set(mqtt->client, config->ca_file.ptr, NULL,
                                 config->certificate_file.len > 0 ? config->certificate_file.ptr
                                                                  : NULL,
                                 config->key_file.len > 0 ? config->key_file.ptr : NULL, NULL);
        if (code != MOSQ_ERR_SUCCESS)
            return gw_error_set(error, -EINVAL,
                                "mqtt %.*s: a file of ca_file, certificate_file and key_file "
                                "cannot be read",
                                GW_STR_ARG(config->name));
        code = mosquitto_tls_opts_set(mqtt->client, 1 /* verify */, "tlsv1.2", NULL);
    }
    if (code == MOSQ_ERR_SUCCESS && config->protocol == 5)
        code = leave_properties(mqtt);
    if (code == MOSQ_ERR_SUCCESS)
        return 0;
    return gw_error_set(error, code == MOSQ_ERR_NOMEM ? -ENOMEM : -EINVAL, "mqtt %.*s: %s",
                        GW_STR_ARG(config->name), mosquitto_strerror(code));
}

bool gw_mqtt_config_is_equal(const struct gw_mqtt_config *a, const struct gw_mqtt_config *b)
{
    const struct gw_str pairs[][2] = {
        {a->name, b->name},
        {a->host, b->host},
        {a->client_id, b->client_id},
        {a->user, b->user},
        {a->password, b->password},
        {a->ca_file, b->ca_file},
        {a->certificate_file, b->certificate_file},
        {a->key_file, b->key_file},
    };

    for (size_t i = 0; i < GW_COUNT_OF(pairs); i++)
        if (!gw_str_equal(pairs[i][0], pairs[i][1]))
            return false;
    return a->port == b->port && a->holds_acknowledgements == b->holds_acknowledgements &&
           a->protocol == b->protocol && a->is_clean == b->is_clean &&
           a->session_expiry_s == b->session_expiry_s && a->keepalive_s == b->keepalive_s &&
           a->max_inflight == b->max_inflight && a->max_message_bytes == b->max_message_bytes &&
           a->connect_timeout_ns == b->connect_timeout_ns;
}

int gw_mqtt_copy_config(struct gw_mqtt *mqtt, const struct gw_mqtt_config *given)
{
    struct gw_mqtt_config *config = &mqtt->config;
    struct gw_str *texts[] = {
        &config->name,     &config->host,    &config->client_id,        &config->user,
        &config->password, &config->ca_file, &config->certificate_file, &config->key_file};

    *config = *given;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        size_t len = texts[i]->len;
        char *copy = gw_str_duplicate(*texts[i]);
        *texts[i] = gw_str_from(copy, copy == NULL ? 0 : len);
        if (copy == NULL) {
            while (++i < GW_COUNT_OF(texts))
                *texts[i] = (struct gw_str){0};
            return -ENOMEM;
        }
    }
    if (config->protocol == 0)
        config->protocol = 5;
    if (config->port == 0)
        config->port = config->ca_file.len > 0 ? 8883 : 1883;
    if (config->session_expiry_s == 0)
        config->session_expiry_s = 24 * 3600;
    if (config->keepalive_s == 0)
        config->keepalive_s = 30;
    if (config->max_inflight == 0)
        config->max_inflight = 100;
    if (config->max_message_bytes == 0)
        config->max_message_bytes = 1 << 20;
    if (config->connect_timeout_ns == 0)
        config->connect_timeout_ns = 10 * GW_NS_PER_SECOND;
    return 0;
}

void gw_mqtt_free_config(struct gw_mqtt *mqtt)
{
    const struct gw_mqtt_config *config = &mqtt->config;
    const struct gw_str texts[] = {
        config->name,     config->host,    config->client_id,        config->user,
        config->password, config->ca_file, config->certificate_file, config->key_file};

    for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
        free((char *)texts[i].ptr);
}
