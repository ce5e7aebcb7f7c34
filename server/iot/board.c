#include "server/iot/board.h"

#include <stdlib.h>

#include "server/core/clock.h"
#include "server/iot/alarms.h"
#include "server/iot/inbox.h"
#include "server/iot/maintenance.h"
#include "server/iot/quarantine_board.h"

struct gw_iot_board {
    struct gw_iot_values *values;
    struct gw_quarantine_board *quarantine;
    struct gw_iot_alarms *alarms;
    struct gw_iot_inbox *inbox;
    struct gw_iot_export *export; /* NULL: it is not wanted */
    struct gw_iot_maintenance *maintenance;
    const struct gw_lane *lane;
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

static void on_owned(void *self, const struct gw_edge_node_config *node, bool is_owned)
{
    struct gw_iot_board *board = self;

    gw_iot_inbox_own(board->inbox, node, is_owned);
    if (!is_owned) {
        gw_iot_values_leave(board->values, node);
        return;
    }
    for (size_t i = 0; board->lane != NULL && i < node->device_count; i++)
        gw_iot_values_set_state(board->values, node->devices[i],
                                gw_lane_device_state(board->lane, node->devices[i]), 0);
}

static void on_journaled(void *self, const struct gw_edge_node_config *node, struct gw_str place)
{
    struct gw_iot_board *board = self;

    gw_iot_inbox_journaled(board->inbox, node, place);
}

struct gw_lane_events gw_iot_board_events(struct gw_iot_board *board)
{
    return (struct gw_lane_events){
        .self = board,
        .on_samples = on_samples,
        .on_state = on_state,
        .on_quarantine = on_quarantine,
        .on_alarm = on_alarm,
        .is_kept = is_kept,
        .on_loaded = on_loaded,
        .on_journaled = on_journaled,
        .on_owned = on_owned,
    };
}

void gw_iot_board_set_lane(struct gw_iot_board *board, struct gw_lane *lane)
{
    board->lane = lane;
    gw_iot_inbox_set_lane(board->inbox, lane);
    gw_iot_maintenance_set_lane(board->maintenance, lane);
}

struct gw_iot_board *gw_iot_board_create(const struct gw_iot_board_config *config)
{
    struct gw_iot_board *board = calloc(1, sizeof(*board));

    if (board == NULL)
        return NULL;
    board->values = gw_iot_values_create(&config->values);
    board->quarantine = gw_quarantine_board_create(config->values.loop, config->values.redis);
    board->alarms =
        gw_iot_alarms_create(config->values.loop, config->writer, config->values.registry);
    board->inbox =
        gw_iot_inbox_create(config->values.loop, config->values.redis, config->values.registry);
    board->maintenance = gw_iot_maintenance_create(config->values.loop, config->values.redis,
                                                   config->values.registry);
    bool is_complete = config->export_folder.len == 0;
    if (!is_complete) {
        const struct gw_iot_export_config exporting = {
            config->values.loop, config->values.registry, config->export_folder,
            config->values.instance, config->export_keep_s};
        board->export = gw_iot_export_create(&exporting);
        is_complete = board->export != NULL;
    }
    if (is_complete && board->inbox != NULL && board->maintenance != NULL &&
        board->values != NULL && board->quarantine != NULL && board->alarms != NULL)
        return board;
    gw_iot_board_destroy(board);
    return NULL;
}

void gw_iot_board_destroy(struct gw_iot_board *board)
{
    if (board == NULL)
        return;
    gw_iot_export_destroy(board->export);
    gw_iot_inbox_destroy(board->inbox);
    gw_iot_maintenance_destroy(board->maintenance);
    gw_iot_values_destroy(board->values);
    gw_quarantine_board_destroy(board->quarantine);
    gw_iot_alarms_destroy(board->alarms);
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
