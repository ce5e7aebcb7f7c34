/* Commands to devices on their way from a worker: to the main thread, which writes them into the
 * audit, to telemetry's, which sends them to the brokers, and back with what came of it.
 *
 * Any gateway that is connected to the brokers sends them: the edge node's owner need not be asked.
 */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/gateway/telemetry.h"
#include "server/iot/registry.h"
#include "server/iot/sparkplug.h"

struct gw_audit;
struct gw_command_desk;
struct gw_command_port;
struct gw_loop;

#define GW_COMMAND_MAX_TEXT 4096 /* bytes of a value */
#define GW_COMMAND_MAX_WORDS 1024

/* One command; allocated by its sender, and gone by itself if nobody takes it back. */
struct gw_command {
    /* --- the sender's --- */
    char who[256], what[GW_COMMAND_MAX_WORDS]; /* for the audit */
    char group[GW_MAX_DEVICE_NAME + 1], edge_node[GW_MAX_DEVICE_NAME + 1];
    char device[GW_MAX_DEVICE_NAME + 1]; /* empty: the edge node itself */
    char source[513];                    /* the metric, as the device calls it */
    struct gw_sparkplug_metric metric;   /* name and text are set from `source` and `text` */
    char text[GW_COMMAND_MAX_TEXT];
    /* On the sender's thread, once: 0, as gw_lane_command(), -EIO (it could not be written into the
     * audit; nothing was sent), -ENODEV (there is no lane). Frees it. */
    void (*done)(struct gw_command *command, int rc);
    void *owner;
    /* --- private --- */
    struct gw_telemetry_question question;
    struct gw_command_desk *desk;
    struct gw_command_port *port;
    struct gw_command *next;
    uint64_t begun;
    int rc;
    bool was_asked;
};

/* --- the desk: main thread --- */

/* Both are borrowed; the audit may be NULL (off). */
GW_MUST_CHECK
int gw_command_desk_create(struct gw_loop *loop, struct gw_audit *audit,
                           struct gw_telemetry *telemetry, struct gw_command_desk **out_desk,
                           struct gw_error *error);
/* After the workers and telemetry. NULL is safe. */
void gw_command_desk_destroy(struct gw_command_desk *desk);

/* --- the port: of one worker, its thread --- */

GW_MUST_CHECK
struct gw_command_port *gw_command_port_create(struct gw_loop *loop);
/* No `done` is called any more; what is under way goes on. NULL is safe. */
void gw_command_port_close(struct gw_command_port *port);
void gw_command_send(struct gw_command_port *port, struct gw_command_desk *desk,
                     struct gw_command *command);
