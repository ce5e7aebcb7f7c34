/* What a lane keeps in Redis for those who read: values, states, histories, alarms and what was put
 * aside. The lane's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/iot/export.h"
#include "server/iot/lane.h"
#include "server/iot/values.h"

struct gw_iot_board;
struct gw_record_writer;

struct gw_iot_board_config {
    struct gw_iot_values_config values; /* with what the others need, too */
    struct gw_record_writer *writer;    /* borrowed */
    struct gw_str export_folder;        /* empty: nothing is exported */
    uint64_t export_keep_s;
};

struct gw_iot_board_counts {
    struct gw_iot_values_counts values;
    const uint64_t *quarantined; /* by reason */
    size_t pending_alarms;
    struct gw_iot_export_counts exported;
};

GW_MUST_CHECK
struct gw_iot_board *gw_iot_board_create(const struct gw_iot_board_config *config);
/* After the lane. NULL is safe. */
void gw_iot_board_destroy(struct gw_iot_board *board);

/* The lane has another configuration, and this one counts from now on; Redis and the instance's
 * name are as they were. */
void gw_iot_board_change(struct gw_iot_board *board, const struct gw_iot_board_config *config);

/* For the lane's configuration; and the lane itself, once it is there. */
struct gw_lane_events gw_iot_board_events(struct gw_iot_board *board);
void gw_iot_board_set_lane(struct gw_iot_board *board, struct gw_lane *lane);
void gw_iot_board_get_counts(const struct gw_iot_board *board,
                             struct gw_iot_board_counts *out_counts);
