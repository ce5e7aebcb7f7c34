/* The section `iot`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"

#define MS ((int64_t)GW_NS_PER_MS)
#define SECOND ((int64_t)GW_NS_PER_SECOND)

static const struct gw_option broker_tls_options[] = {
    {.name = "ca_file",
     .type = GW_STRING,
     .min = 1,
     .max = 4096,
     .flags = GW_OPTION_REQUIRED,
     .help = "Who must have issued the broker's certificate, PEM."},
    {.name = "certificate_file", .type = GW_STRING, .max = 4096, .help = "Ours, PEM."},
    {.name = "key_file", .type = GW_STRING, .max = 4096, .help = "Its private key, PEM."},
    {0},
};

static const struct gw_option broker_options[] = {
    {.name = "host",
     .type = GW_STRING,
     .min = 1,
     .max = 253,
     .flags = GW_OPTION_REQUIRED,
     .help = "A name or an address."},
    {.name = "port",
     .type = GW_INT,
     .min = 1,
     .max = 65535,
     .help = "1883, with `tls` 8883, if left out."},
    {.name = "protocol",
     .type = GW_ENUM,
     .words = "v3.1.1 v5",
     .value = "v5",
     .help = "The version of MQTT."},
    {.name = "user", .type = GW_STRING, .max = 256, .help = "Who we are to the broker."},
    {.name = "password", .type = GW_SECRET, .help = "And the password."},
    {.name = "tls",
     .type = GW_OBJECT,
     .fields = broker_tls_options,
     .help = "Speaks TLS; plain TCP if left out."},
    {.name = "groups",
     .type = GW_LIST,
     .max = 1000,
     .value = "[]",
     .help = "Sparkplug groups whose edge nodes are at this broker; empty: any."},
    {.name = "session_expiry",
     .type = GW_DURATION,
     .min = SECOND,
     .max = 30 * 24 * 3600 * SECOND,
     .value = "24h",
     .help = "How long the broker keeps for us what comes while we are away (MQTT 5)."},
    {.name = "keepalive",
     .type = GW_DURATION,
     .min = 5 * SECOND,
     .max = 3600 * SECOND,
     .value = "30s",
     .help = "How soon a dead connection is noticed."},
    {.name = "max_message",
     .type = GW_BYTES,
     .min = 1024,
     .max = 1 << 20,
     .value = "1MiB",
     .help = "Larger messages are dropped and counted."},
    {0},
};

static const struct gw_option enrichment_options[] = {
    {.name = "scopes",
     .type = GW_STRING,
     .max = GW_ENRICHMENT_SCOPE_BYTES,
     .value = "",
     .help = "What they may: scopes, separated by single spaces, as those of a token."},
    {.name = "timeout",
     .type = GW_DURATION,
     .min = 100 * MS,
     .max = 60 * SECOND,
     .value = "5s",
     .help = "How long an answer is waited for, twice at most; then the event goes out without."},
    {0},
};

static const struct gw_option export_options[] = {
    {.name = "folder",
     .type = GW_STRING,
     .min = 1,
     .max = 4096,
     .flags = GW_OPTION_REQUIRED,
     .help = "Where the files are written; it is there already. Relative to this file."},
    {.name = "keep",
     .type = GW_DURATION,
     .min = 3600 * SECOND,
     .max = 3660 * 24 * 3600 * SECOND,
     .value = "7d",
     .help = "Files that are older are deleted."},
    {0},
};

const struct gw_option gw_config_iot_options[] = {
    {.name = "instance",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .help = "Names this gateway to brokers and to the others of its fleet: the same at every "
             "start, and nobody else's. If left out, one is made and kept in `state_dir`."},
    {.name = "host_id",
     .type = GW_STRING,
     .min = 1,
     .max = 128,
     .help = "Sparkplug's id of the primary host, which one gateway of the fleet then is: edge "
             "nodes that look for it keep their samples while it is away. No / + #."},
    {.name = "registry",
     .type = GW_LIST,
     .max = 1000,
     .value = "[]",
     .help = "Files of device types and devices, or folders of them (all *.yaml in and below "
             "them); relative to this file."},
    {.name = "signals",
     .type = GW_LIST,
     .max = 1000,
     .value = "[]",
     .help = "Signals, or folders in which they are named *.signal.yaml; relative to this file."},
    {.name = "brokers",
     .type = GW_MAP,
     .max = GW_LANE_MAX_BROKERS,
     .fields = broker_options,
     .value = "{}",
     .help = "MQTT brokers by name."},
    {.name = "checkpoint",
     .type = GW_DURATION,
     .min = 100 * MS,
     .max = 600 * SECOND,
     .value = "10s",
     .help = "How often an edge node's state is kept: what came since is computed again after a "
             "crash."},
    {.name = "silence",
     .type = GW_DURATION,
     .min = SECOND,
     .max = 24 * 3600 * SECOND,
     .value = "10s",
     .help = "Of an edge node that says nothing, time goes on by our clock, so far behind it."},
    {.name = "max_pending",
     .type = GW_BYTES,
     .min = 1 << 20,
     .max = 1 << 30,
     .value = "64MiB",
     .help = "Messages that wait to be journaled; beyond, brokers are not read."},
    {.name = "history",
     .type = GW_INT,
     .min = 0,
     .max = 100000,
     .value = "1000",
     .help = "Of each kept series, so many samples can be read (up to twice as many are held in "
             "Redis, of 17 bytes each); 0: none."},
    {.name = "enrichment",
     .type = GW_OBJECT,
     .fields = enrichment_options,
     .help = "Lets events ask what their signals' `enrich` names before they go out, as the "
             "consumer `telemetry` of the device's plant; if left out, nothing is asked."},
    {.name = "export",
     .type = GW_OBJECT,
     .fields = export_options,
     .help =
         "Writes all samples into files of InfluxDB's line protocol, one for each hour; none if "
         "left out."},
    {.name = "reorder",
     .type = GW_DURATION,
     .min = 10 * MS,
     .max = 60 * SECOND,
     .value = "2s",
     .help = "How long a gap in an edge node's sequence is waited for before a rebirth is asked "
             "for."},
    {.name = "max_future",
     .type = GW_DURATION,
     .min = SECOND,
     .max = 24 * 3600 * SECOND,
     .value = "10m",
     .help = "How far ahead of us a device's clock may be; samples beyond are quarantined."},
    {0},
};

/* libmosquitto takes texts that end in NUL, as those of the arena do. */
static struct gw_str file_of(struct gw_config_loader *loader, const char *pointer,
                             const json_t *tls, const char *key)
{
    struct gw_str path = gw_config_text(tls, key);

    if (path.len == 0)
        return GW_STR("");
    path = gw_config_path(loader, path);
    if (path.ptr == NULL)
        return path;
    path = gw_arena_copy(&loader->config->arena, path);
    if (path.ptr != NULL && access(path.ptr, R_OK) != 0)
        gw_config_fail(loader, pointer, "cannot read %.*s: %s", GW_STR_ARG(path), strerror(errno));
    return path;
}

static int fill_broker(struct gw_config_loader *loader, const char *name, const json_t *checked,
                       struct gw_lane_broker *broker)
{
    struct gw_config *config = loader->config;
    struct gw_mqtt_config *mqtt = &broker->mqtt;
    const json_t *tls = json_object_get(checked, "tls");
    const char *protocol = json_string_value(json_object_get(checked, "protocol"));
    char pointer[128];

    snprintf(pointer, sizeof(pointer), "/iot/brokers/%.64s", name);
    *mqtt = (struct gw_mqtt_config){
        .name = gw_str_of(name),
        .host = gw_config_text(checked, "host"),
        .port = (uint16_t)gw_config_number(checked, "port"),
        .protocol = protocol != NULL && strcmp(protocol, "v5") == 0 ? 5 : 4,
        .user = gw_config_text(checked, "user"),
        .password = gw_config_text(checked, "password"),
        .ca_file = file_of(loader, pointer, tls, "ca_file"),
        .certificate_file = file_of(loader, pointer, tls, "certificate_file"),
        .key_file = file_of(loader, pointer, tls, "key_file"),
        .session_expiry_s =
            (uint32_t)(gw_config_number(checked, "session_expiry") / GW_NS_PER_SECOND),
        .keepalive_s = (uint32_t)(gw_config_number(checked, "keepalive") / GW_NS_PER_SECOND),
        .max_message_bytes = (uint32_t)gw_config_number(checked, "max_message"),
    };
    if (mqtt->ca_file.ptr == NULL || mqtt->certificate_file.ptr == NULL ||
        mqtt->key_file.ptr == NULL)
        return -ENOMEM;
    if ((mqtt->certificate_file.len > 0) != (mqtt->key_file.len > 0))
        gw_config_fail(loader, pointer, "certificate_file and key_file go together");
    if (mqtt->password.len > 0 && mqtt->user.len == 0)
        gw_config_fail(loader, pointer, "a password needs a user");
    return gw_config_texts(config, json_object_get(checked, "groups"), &broker->groups,
                           &broker->group_count);
}

static int fill_brokers(struct gw_config_loader *loader, const json_t *checked)
{
    struct gw_config_iot *iot = &loader->config->iot;
    struct gw_lane_broker *brokers =
        gw_arena_calloc(&loader->config->arena, json_object_size(checked) + 1, sizeof(*brokers));
    const char *name;
    const json_t *value;
    int rc = 0;

    if (brokers == NULL)
        return -ENOMEM;
    json_object_foreach((json_t *)checked, name, value)
    {
        if (rc == 0)
            rc = fill_broker(loader, name, value, &brokers[iot->broker_count++]);
    }
    iot->brokers = brokers;
    return rc;
}

static int fill_export(struct gw_config_loader *loader, const json_t *checked)
{
    struct gw_config_iot *iot = &loader->config->iot;
    const json_t *section = json_object_get(checked, "export");

    if (section == NULL)
        return 0;
    iot->export_keep_s = gw_config_number(section, "keep") / GW_NS_PER_SECOND;
    iot->export_folder = gw_config_path(loader, gw_config_text(section, "folder"));
    if (iot->export_folder.ptr == NULL)
        return -ENOMEM;
    if (access(iot->export_folder.ptr, W_OK | X_OK) != 0)
        gw_config_fail(loader, "/iot/export", "cannot write to the folder %s: %s",
                       iot->export_folder.ptr, strerror(errno));
    return 0;
}

int gw_config_fill_iot(struct gw_config_loader *loader)
{
    struct gw_config_iot *iot = &loader->config->iot;
    const json_t *checked = json_object_get(loader->config->checked, "iot");

    iot->is_on = checked != NULL;
    if (!iot->is_on)
        return 0;
    if (!loader->config->events.is_on)
        gw_config_fail(loader, "/iot", "what signals say goes to the event log: it needs `events`");
    iot->instance = gw_config_text(checked, "instance");
    iot->host_id = gw_config_text(checked, "host_id");
    for (size_t i = 0; i < iot->host_id.len; i++)
        if (memchr("/+#", iot->host_id.ptr[i], 3) != NULL) {
            gw_config_fail(loader, "/iot/host_id", "host_id holds no / + #");
            break;
        }
    iot->checkpoint_ns = gw_config_number(checked, "checkpoint");
    iot->silence_ms = gw_config_number(checked, "silence") / GW_NS_PER_MS;
    iot->max_pending_bytes = gw_config_number(checked, "max_pending");
    iot->history_samples = (uint32_t)gw_config_number(checked, "history");
    const json_t *enrichment = json_object_get(checked, "enrichment");
    iot->has_enrichment = enrichment != NULL;
    if (iot->has_enrichment) {
        iot->enrichment_scopes = gw_config_text(enrichment, "scopes");
        iot->enrichment_timeout_ns = gw_config_number(enrichment, "timeout");
    }
    iot->host_limits = (struct gw_sparkplug_host_limits){
        .reorder_ms = gw_config_number(checked, "reorder") / GW_NS_PER_MS,
        .max_future_ms = (int64_t)(gw_config_number(checked, "max_future") / GW_NS_PER_MS)};
    int rc = gw_config_fill_paths(loader, "/iot/registry", json_object_get(checked, "registry"),
                                  &iot->registry, &iot->registry_count);
    if (rc == 0)
        rc = gw_config_fill_paths(loader, "/iot/signals", json_object_get(checked, "signals"),
                                  &iot->signals, &iot->signal_count);
    if (rc == 0)
        rc = fill_export(loader, checked);
    if (rc == 0)
        rc = fill_brokers(loader, json_object_get(checked, "brokers"));
    return rc;
}
