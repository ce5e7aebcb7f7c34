#include "server/iot/board.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/alarms.h"
#include "server/iot/inbox.h"
#include "server/iot/maintenance.h"
#include "server/iot/quarantine_board.h"
#include "server/iot/shelved.h"

struct gw_iot_board {
    struct gw_iot_values *values;
    struct gw_quarantine_board *quarantine;
    struct gw_iot_alarms *alarms;
    struct gw_iot_inbox *inbox;
    struct gw_iot_export *export; /* NULL: it is not wanted */
    struct gw_iot_maintenance *maintenance;
    struct gw_iot_shelved *shelved;
    const struct gw_lane *lane;
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_registry *registry; /* held */
};

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count)
{
    struct gw_iot_board *board = self;

    gw_iot_values_take(board->values, node, samples, count);
    if (board->export != NULL)
        gw_iot_export_take(board->export, samples, count);
}

static void on_state(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms)
{
    struct gw_iot_board *board = self;

    gw_iot_values_set_state(board->values, device, state, time_ms);
}

static void on_quarantine(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    struct gw_iot_board *board = self;
    int64_t now_ms = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);

    gw_quarantine_board_add(board->quarantine, reason, name, detail, now_ms);
}

static bool on_alarm(void *self, const struct gw_alarm_news *news)
{
    struct gw_iot_board *board = self;

    return gw_iot_alarms_tell(board->alarms, news);
}

static bool is_shelved(void *self, const struct gw_alarm_news *news)
{
    const struct gw_iot_board *board = self;
    int64_t now_ms = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);

    return gw_iot_shelved_has(board->shelved, news->device, news->signal, now_ms);
}

static bool is_kept(void *self, const struct gw_edge_node_config *node)
{
    const struct gw_iot_board *board = self;

    return gw_iot_alarms_has_all(board->alarms, node);
}

static bool on_loaded(void *self, const struct gw_edge_node_config *node)
{
    struct gw_iot_board *board = self;

    return gw_iot_maintenance_apply(board->maintenance, node);
}

/* Where the lane says what it is, and nobody else has said since when. */
static void show_states(struct gw_iot_board *board, const struct gw_edge_node_config *node)
{
    for (size_t i = 0; board->lane != NULL && i < node->device_count; i++)
        gw_iot_values_set_state(board->values, node->devices[i],
                                gw_lane_device_state(board->lane, node->devices[i]), 0);
}

static void on_owned(void *self, const struct gw_edge_node_config *node, bool is_owned)
{
    struct gw_iot_board *board = self;

    gw_iot_inbox_own(board->inbox, node, is_owned);
    if (!is_owned) {
        gw_iot_values_leave(board->values, node);
        return;
    }
    show_states(board, node);
}

static void on_journaled(void *self, const struct gw_edge_node_config *node, struct gw_str place)
{
    struct gw_iot_board *board = self;

    gw_iot_inbox_journaled(board->inbox, node, place);
}

static int on_registry(void *self, struct gw_registry *registry)
{
    struct gw_iot_board *board = self;
    struct gw_iot_inbox *inbox = gw_iot_inbox_create(board->loop, board->redis, registry);
    uint32_t *counts = calloc(gw_registry_node_count(registry) + 1, sizeof(*counts));

    if (inbox == NULL || counts == NULL ||
        gw_iot_shelved_set_registry(board->shelved, registry) != 0 ||
        gw_iot_values_change(board->values, registry) != 0) {
        gw_iot_inbox_destroy(inbox);
        free(counts);
        return -ENOMEM;
    }
    gw_iot_alarms_change(board->alarms, board->registry, registry, counts);
    gw_iot_inbox_follow(inbox, board->inbox, registry);
    gw_iot_inbox_destroy(board->inbox);
    board->inbox = inbox;
    if (board->export != NULL)
        gw_iot_export_set_registry(board->export, registry);
    gw_iot_maintenance_set_registry(board->maintenance, registry);
    gw_registry_hold(registry);
    gw_registry_release(board->registry);
    board->registry = registry;
    return 0;
}

struct gw_lane_events gw_iot_board_events(struct gw_iot_board *board)
{
    return (struct gw_lane_events){
        .self = board,
        .on_samples = on_samples,
        .on_state = on_state,
        .on_quarantine = on_quarantine,
        .on_alarm = on_alarm,
        .is_shelved = is_shelved,
        .is_kept = is_kept,
        .on_loaded = on_loaded,
        .on_journaled = on_journaled,
        .on_owned = on_owned,
        .on_registry = on_registry,
    };
}

void gw_iot_board_set_lane(struct gw_iot_board *board, struct gw_lane *lane)
{
    board->lane = lane;
    gw_iot_inbox_set_lane(board->inbox, lane);
    gw_iot_maintenance_set_lane(board->maintenance, lane);
}

/* NULL: it is not wanted, or there is no memory. */
static struct gw_iot_export *create_export(const struct gw_iot_board_config *config)
{
    const struct gw_iot_export_config exporting = {config->values.loop, config->values.registry,
                                                   config->export_folder, config->values.instance,
                                                   config->export_keep_s};

    return config->export_folder.len > 0 ? gw_iot_export_create(&exporting) : NULL;
}

struct gw_iot_board *gw_iot_board_create(const struct gw_iot_board_config *config)
{
    struct gw_iot_board *board = calloc(1, sizeof(*board));

    if (board == NULL)
        return NULL;
    board->loop = config->values.loop;
    board->redis = config->values.redis;
    board->registry = gw_registry_hold(config->values.registry);
    board->values = gw_iot_values_create(&config->values);
    board->quarantine = gw_quarantine_board_create(config->values.loop, config->values.redis);
    board->alarms =
        gw_iot_alarms_create(config->values.loop, config->writer, config->values.registry);
    board->inbox =
        gw_iot_inbox_create(config->values.loop, config->values.redis, config->values.registry);
    board->maintenance = gw_iot_maintenance_create(config->values.loop, config->values.redis,
                                                   config->values.registry);
    board->shelved =
        gw_iot_shelved_create(config->values.loop, config->values.redis, config->values.registry);
    board->export = create_export(config);
    bool is_complete = (config->export_folder.len == 0) == (board->export == NULL);
    if (is_complete && board->inbox != NULL && board->maintenance != NULL &&
        board->values != NULL && board->quarantine != NULL && board->alarms != NULL &&
        board->shelved != NULL)
        return board;
    gw_iot_board_destroy(board);
    return NULL;
}

/* Of another length: what is known is written out, and known to those who read. */
static void change_histories(struct gw_iot_board *board, const struct gw_iot_board_config *config)
{
    struct gw_iot_values *values;

    if (gw_iot_values_history_samples(board->values) == config->values.history_samples)
        return;
    values = gw_iot_values_create(&config->values);
    if (values == NULL) {
        gw_log_error("iot: no memory for histories of another length");
        return;
    }
    gw_iot_values_destroy(board->values);
    board->values = values;
}

void gw_iot_board_change(struct gw_iot_board *board, const struct gw_iot_board_config *config)
{
    const struct gw_registry *registry = config->values.registry;
    bool is_as_it_was =
        board->export == NULL
            ? config->export_folder.len == 0
            : gw_iot_export_is(board->export, config->export_folder, config->export_keep_s);

    change_histories(board, config);
    if (!is_as_it_was) {
        gw_iot_export_destroy(board->export);
        board->export = create_export(config);
    }
    for (size_t i = 0; i < gw_registry_node_count(registry); i++) {
        const struct gw_edge_node_config *node = gw_registry_node(registry, i);
        if (!gw_iot_inbox_owns(board->inbox, node))
            continue;
        show_states(board, node);
        if (!gw_iot_maintenance_apply(board->maintenance, node)) /* devices may be new */
            gw_log_debug("iot: maintenance is not known yet");
    }
}

void gw_iot_board_destroy(struct gw_iot_board *board)
{
    if (board == NULL)
        return;
    gw_iot_export_destroy(board->export);
    gw_iot_inbox_destroy(board->inbox);
    gw_iot_maintenance_destroy(board->maintenance);
    gw_iot_shelved_destroy(board->shelved);
    gw_iot_values_destroy(board->values);
    gw_quarantine_board_destroy(board->quarantine);
    gw_iot_alarms_destroy(board->alarms);
    gw_registry_release(board->registry);
    free(board);
}

void gw_iot_board_get_counts(const struct gw_iot_board *board,
                             struct gw_iot_board_counts *out_counts)
{
    gw_iot_values_get_counts(board->values, &out_counts->values);
    out_counts->quarantined = gw_quarantine_board_counts(board->quarantine);
    out_counts->exported = (struct gw_iot_export_counts){0};
    if (board->export != NULL)
        gw_iot_export_get_counts(board->export, &out_counts->exported);
    out_counts->pending_alarms = gw_iot_alarms_pending(board->alarms);
}
