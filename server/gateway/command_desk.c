#include "server/gateway/command_desk.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/lane.h"
#include "server/net/loop.h"
#include "server/observe/audit.h"

struct gw_command_desk {
    struct gw_audit *audit;
    struct gw_telemetry *telemetry;
    struct gw_async *wake;
    _Atomic(struct gw_command *) inbox; /* the newest first */
};

/* Held by its worker and by each command under way. */
struct gw_command_port {
    pthread_mutex_t mutex; /* over `wake`, which goes with the worker */
    struct gw_async *wake; /* NULL: closed */
    _Atomic(struct gw_command *) answered;
    atomic_uint holders;
};

/* --- lists --- */

static void push(_Atomic(struct gw_command *) *list, struct gw_command *command)
{
    command->next = atomic_load_explicit(list, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(list, &command->next, command,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

/* All of it, the oldest first. */
static struct gw_command *take_all(_Atomic(struct gw_command *) *list)
{
    struct gw_command *newest = atomic_exchange_explicit(list, NULL, memory_order_acq_rel);
    struct gw_command *oldest = NULL;

    while (newest != NULL) {
        struct gw_command *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void let_go(struct gw_command_port *port)
{
    if (atomic_fetch_sub_explicit(&port->holders, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&port->mutex);
    free(port);
}

/* --- back to the worker --- */

static void send_back(struct gw_command *command)
{
    struct gw_command_port *port = command->port;

    pthread_mutex_lock(&port->mutex);
    bool is_open = port->wake != NULL;
    if (is_open) {
        push(&port->answered, command);
        gw_async_send(port->wake);
    }
    pthread_mutex_unlock(&port->mutex);
    if (is_open)
        return;
    free(command);
    let_go(port);
}

static void on_answered(void *self)
{
    struct gw_command_port *port = self;
    struct gw_command *command = take_all(&port->answered);

    while (command != NULL) {
        struct gw_command *next = command->next;
        command->done(command, command->rc);
        free(command);
        let_go(port);
        command = next;
    }
}

struct gw_command_port *gw_command_port_create(struct gw_loop *loop)
{
    struct gw_command_port *port = calloc(1, sizeof(*port));

    if (port == NULL)
        return NULL;
    atomic_init(&port->holders, 1);
    pthread_mutex_init(&port->mutex, NULL);
    if (gw_async_create(loop, on_answered, port, &port->wake) == 0)
        return port;
    let_go(port);
    return NULL;
}

void gw_command_port_close(struct gw_command_port *port)
{
    if (port == NULL)
        return;
    pthread_mutex_lock(&port->mutex);
    gw_async_destroy(port->wake);
    port->wake = NULL;
    pthread_mutex_unlock(&port->mutex);
    struct gw_command *command = take_all(&port->answered);
    while (command != NULL) {
        struct gw_command *next = command->next;
        free(command);
        let_go(port);
        command = next;
    }
    let_go(port);
}

void gw_command_send(struct gw_command_port *port, struct gw_command_desk *desk,
                     struct gw_command *command)
{
    command->port = port;
    command->desk = desk;
    atomic_fetch_add_explicit(&port->holders, 1, memory_order_relaxed);
    push(&desk->inbox, command);
    gw_async_send(desk->wake);
}

/* --- on telemetry's thread --- */

static void on_asked(struct gw_telemetry_question *question, struct gw_lane *lane)
{
    struct gw_command *command = GW_CONTAINER_OF(question, struct gw_command, question);
    const struct gw_edge_node_config node = {.group = gw_str_of(command->group),
                                             .edge_node = gw_str_of(command->edge_node)};
    int64_t now_ms = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);

    command->metric.name = gw_str_of(command->source);
    if (command->metric.value == GW_SAMPLE_TEXT)
        command->metric.text = gw_str_of(command->text);
    command->rc = -ENODEV;
    if (lane != NULL)
        command->rc =
            gw_lane_command(lane, &node, gw_str_of(command->device), &command->metric, now_ms);
    push(&command->desk->inbox, command);
    gw_async_send(command->desk->wake);
}

/* --- on the main thread --- */

static void end(struct gw_command_desk *desk, struct gw_command *command)
{
    if (gw_audit_write(desk->audit, "device.command", gw_str_of(command->who),
                       gw_str_of(command->what), command->rc == 0 ? "done" : "failed",
                       command->begun, NULL) != 0)
        gw_log_error("audit: what came of a command cannot be written; that it was begun is");
    send_back(command);
}

/* One that was never begun. */
static void refuse(struct gw_command *command)
{
    command->rc = -ENODEV;
    send_back(command);
}

static void begin(struct gw_command_desk *desk, struct gw_command *command)
{
    command->rc = -EIO;
    if (gw_audit_write(desk->audit, "device.command", gw_str_of(command->who),
                       gw_str_of(command->what), "begun", 0, &command->begun) != 0) {
        send_back(command);
        return;
    }
    command->was_asked = true;
    command->question.ask = on_asked;
    if (gw_telemetry_ask(desk->telemetry, &command->question))
        return;
    command->rc = -ENODEV;
    end(desk, command);
}

static void on_wake(void *self)
{
    struct gw_command_desk *desk = self;
    struct gw_command *command = take_all(&desk->inbox);

    while (command != NULL) {
        struct gw_command *next = command->next;
        if (command->was_asked)
            end(desk, command);
        else
            begin(desk, command);
        command = next;
    }
}

int gw_command_desk_create(struct gw_loop *loop, struct gw_audit *audit,
                           struct gw_telemetry *telemetry, struct gw_command_desk **out_desk,
                           struct gw_error *error)
{
    struct gw_command_desk *desk = calloc(1, sizeof(*desk));

    if (desk == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    desk->audit = audit;
    desk->telemetry = telemetry;
    int rc = gw_async_create(loop, on_wake, desk, &desk->wake);
    if (rc != 0) {
        free(desk);
        return gw_error_set(error, rc, "out of memory");
    }
    *out_desk = desk;
    return 0;
}

void gw_command_desk_destroy(struct gw_command_desk *desk)
{
    if (desk == NULL)
        return;
    struct gw_command *command = take_all(&desk->inbox);
    while (command != NULL) {
        struct gw_command *next = command->next;
        if (command->was_asked)
            end(desk, command);
        else
            refuse(command);
        command = next;
    }
    gw_async_destroy(desk->wake);
    free(desk);
}
