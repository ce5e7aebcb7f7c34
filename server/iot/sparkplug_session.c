/* Births and deaths: who is alive, and since which birth. */
#include "server/iot/sparkplug_host_private.h"

static const struct gw_device_config *find_device(const struct gw_sparkplug_host *host,
                                                  const struct gw_sparkplug_node *node,
                                                  struct gw_str device)
{
    return gw_registry_find(host->registry, node->config->group, node->config->edge_node, device);
}

void gw_sparkplug_set_state(struct gw_sparkplug_host *host, const struct gw_sparkplug_node *node,
                            const struct gw_device_config *device, enum gw_device_state state,
                            int64_t time_ms)
{
    struct gw_sparkplug_device *own = &host->devices[device->index];

    if (own->state == state)
        return;
    own->state = (uint8_t)state;
    if (state == GW_DEVICE_OFFLINE)
        gw_sparkplug_mark_stale(host, node, device, time_ms);
    host->events.on_state(host->events.self, device, state, time_ms);
}

static int64_t time_of(const struct gw_sparkplug_message *message)
{
    return message->has_time ? message->time_ms : message->arrival_ms;
}

bool gw_sparkplug_is_believable(const struct gw_sparkplug_host *host,
                                const struct gw_sparkplug_message *message)
{
    return message->has_time && message->time_ms >= 0 &&
           message->time_ms <= message->arrival_ms + host->limits.max_future_ms;
}

/* A node's samples have its clock's time, which may be wrong by minutes: what we tell of it between
 * them (that it died, and its will was written long before) must have it too, or they would be late
 * from then on. */
static void learn_clock(const struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        const struct gw_sparkplug_message *message)
{
    if (gw_sparkplug_is_believable(host, message))
        node->ahead_ms = message->time_ms - message->arrival_ms;
}

int64_t gw_sparkplug_node_ms(const struct gw_sparkplug_node *node, int64_t our_ms)
{
    int64_t node_ms = our_ms + node->ahead_ms;

    return node_ms > 0 ? node_ms : 0;
}

static int64_t told_time_of(const struct gw_sparkplug_host *host,
                            const struct gw_sparkplug_node *node,
                            const struct gw_sparkplug_message *message)
{
    return gw_sparkplug_is_believable(host, message)
               ? message->time_ms
               : gw_sparkplug_node_ms(node, message->arrival_ms);
}

static void bear(struct gw_sparkplug_host *host, const struct gw_device_config *device)
{
    struct gw_sparkplug_device *own = &host->devices[device->index];

    own->is_born = true;
    own->is_certain = true;
    own->generation++;
    memset(host->types + device->series_at, 0, device->type->metric_count);
}

/* -1: it has none. */
static int64_t find_bd_seq(const struct gw_sparkplug_payload *payload)
{
    for (size_t i = 0; i < payload->metric_count; i++) {
        const struct gw_sparkplug_metric *metric = &payload->metrics[i];
        if (gw_str_equal(metric->name, GW_STR("bdSeq")) && metric->value == GW_SAMPLE_INTEGER &&
            metric->integer >= 0)
            return metric->integer;
    }
    return -1;
}

void gw_sparkplug_lose_certainty(struct gw_sparkplug_host *host,
                                 const struct gw_sparkplug_node *node)
{
    for (size_t i = 0; i < node->config->device_count; i++)
        host->devices[node->config->devices[i]->index].is_certain = false;
}

/* --- of nodes --- */

static void end_session(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node)
{
    node->has_session = false;
    node->is_seq_unknown = false;
    node->reborn_by_ms = 0;
    for (size_t i = 0; i < node->config->device_count; i++)
        host->devices[node->config->devices[i]->index].is_born = false;
    gw_sparkplug_aliases_clear(&node->aliases);
    for (size_t i = 0; i < GW_COUNT_OF(node->seen_ms); i++)
        node->seen_ms[i] = INT64_MIN;
}

/* A birth of a session that is over can arrive after its death, or after the next birth. bdSeq and
 * the node's clock both may begin anew with a restart, so that neither proves it: such a birth is
 * not believed, but asked for once more; one that is later still is an answer. Of a session that
 * was seen the node's own clock says when it was; of another one only ours does. */
static bool is_doubtful(const struct gw_sparkplug_node *node, int64_t bd_seq, int64_t time_ms)
{
    int64_t dead_since_ms = node->is_death_explained ? node->last_ms : node->death_ms;
    bool is_of_the_dead = node->is_dead && bd_seq == node->dead_bd_seq && time_ms <= dead_since_ms;
    bool is_older = node->has_birth && time_ms < node->birth_ms;

    if (!is_of_the_dead && !is_older)
        return false;
    return !node->has_doubtful_birth || time_ms <= node->doubtful_birth_ms;
}

static void begin_session(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                          const struct gw_sparkplug_message *message, int64_t bd_seq)
{
    end_session(host, node);
    learn_clock(host, node, message);
    node->has_session = node->has_birth = true;
    node->is_dead = node->needs_rebirth = node->has_doubtful_birth = false;
    node->rebirth_wait_ms = host->limits.rebirth_ms;
    node->bd_seq = bd_seq;
    node->birth_ms = node->last_ms = time_of(message);
    node->expected = (uint8_t)(message->seq + 1);
    node->seen_ms[message->seq] = node->birth_ms;
    node->reborn_by_ms = message->arrival_ms + (int64_t)host->limits.device_ms;
    if (node->own != NULL)
        bear(host, node->own);
}

void gw_sparkplug_take_birth(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                             const struct gw_sparkplug_message *message,
                             const struct gw_sparkplug_payload *payload)
{
    int64_t bd_seq = find_bd_seq(payload), time_ms = time_of(message);

    if (!payload->has_seq) {
        gw_sparkplug_quarantine(host, node, GW_QUARANTINE_MALFORMED, GW_STR(""), GW_STR(""),
                                "a birth has no seq");
        return;
    }
    if (node->has_birth && message->has_time && time_ms == node->birth_ms &&
        bd_seq == node->bd_seq) {
        host->counts.duplicates++;
        return;
    }
    if (is_doubtful(node, bd_seq, time_ms)) {
        node->has_doubtful_birth = true;
        node->doubtful_birth_ms = time_ms;
        host->counts.late++;
        gw_sparkplug_ask_rebirth(host, node, "a birth is older than what is known",
                                 message->arrival_ms);
        return;
    }

    gw_sparkplug_flush(host, node, message);
    begin_session(host, node, message, bd_seq);
    if (node->own != NULL) {
        gw_sparkplug_set_state(host, node, node->own, GW_DEVICE_ONLINE,
                               told_time_of(host, node, message));
        gw_sparkplug_take_birth_metrics(host, node, node->own, message, payload);
    }
    gw_sparkplug_drain(host, node, message->arrival_ms);
}

void gw_sparkplug_take_death(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                             const struct gw_sparkplug_message *message,
                             const struct gw_sparkplug_payload *payload)
{
    int64_t bd_seq = find_bd_seq(payload);

    if (node->has_session && bd_seq != node->bd_seq) {
        host->counts.old_deaths++;
        return;
    }
    node->is_death_explained = node->has_session; /* not twice: it may be of one that we missed */
    gw_sparkplug_flush(host, node, NULL);
    end_session(host, node);
    node->is_dead = true;
    node->needs_rebirth = false;
    node->dead_bd_seq = bd_seq;
    node->death_ms = gw_sparkplug_node_ms(node, message->arrival_ms);
    for (size_t i = 0; i < node->config->device_count; i++)
        gw_sparkplug_set_state(host, node, node->config->devices[i], GW_DEVICE_OFFLINE,
                               node->death_ms);
}

/* --- of devices --- */

static void take_device_birth(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                              const struct gw_device_config *device,
                              const struct gw_sparkplug_message *message,
                              const struct gw_sparkplug_payload *payload)
{
    bear(host, device);
    gw_sparkplug_set_state(host, node, device, GW_DEVICE_ONLINE, told_time_of(host, node, message));
    gw_sparkplug_take_birth_metrics(host, node, device, message, payload);
}

static void take_values(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        const struct gw_device_config *device,
                        const struct gw_sparkplug_message *message,
                        const struct gw_sparkplug_payload *payload)
{
    if (host->devices[device->index].is_born) {
        gw_sparkplug_set_state(host, node, device, GW_DEVICE_ONLINE,
                               told_time_of(host, node, message));
        gw_sparkplug_take_values(host, node, device, message, payload);
        return;
    }
    host->counts.unborn++;
    gw_sparkplug_ask_rebirth(host, node, "a device has data and no birth", message->arrival_ms);
}

/* After its node's rebirth it did not come back; or it was doubted, and there was no answer. */
static bool is_missing(const struct gw_sparkplug_device *device)
{
    return (device->state == GW_DEVICE_ONLINE && !device->is_born) ||
           (device->state == GW_DEVICE_UNKNOWN && device->generation > 0);
}

void gw_sparkplug_miss_devices(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node)
{
    int64_t since_ms = node->reborn_by_ms - (int64_t)host->limits.device_ms;

    node->reborn_by_ms = 0;
    for (size_t i = 0; i < node->config->device_count; i++) {
        const struct gw_device_config *device = node->config->devices[i];
        if (is_missing(&host->devices[device->index]))
            gw_sparkplug_set_state(host, node, device, GW_DEVICE_OFFLINE,
                                   gw_sparkplug_node_ms(node, since_ms));
    }
}

void gw_sparkplug_take(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                       const struct gw_sparkplug_message *message,
                       const struct gw_sparkplug_payload *payload)
{
    const struct gw_device_config *device =
        message->device.len > 0 ? find_device(host, node, message->device) : node->own;

    learn_clock(host, node, message);
    if (device == NULL) {
        if (message->device.len > 0)
            gw_sparkplug_quarantine(host, node, GW_QUARANTINE_UNKNOWN_DEVICE, message->device,
                                    GW_STR(""), gw_sparkplug_kind_name(message->kind));
        return; /* a node's own data, where only its devices are registered */
    }
    switch (message->kind) {
    case GW_SPARKPLUG_DBIRTH:
        take_device_birth(host, node, device, message, payload);
        break;
    case GW_SPARKPLUG_DDEATH:
        host->devices[device->index].is_born = false;
        gw_sparkplug_set_state(host, node, device, GW_DEVICE_OFFLINE,
                               told_time_of(host, node, message));
        break;
    case GW_SPARKPLUG_NDATA:
    case GW_SPARKPLUG_DDATA:
        take_values(host, node, device, message, payload);
        break;
    default:
        break;
    }
}
