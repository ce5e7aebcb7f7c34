/* iot.command: a metric of a device is set (Sparkplug 3.0, 6.4.25: DCMD, NCMD). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/filter/filter.h"
#include "server/gateway/command_desk.h"
#include "server/gateway/iot_private.h"
#include "server/gateway/request.h"
#include "server/iot/sample_json.h"
#include "server/net/loop.h"

#define MAX_BODY_BYTES (16 * 1024)
#define ANSWER_NS (5 * GW_NS_PER_SECOND)
#define RETRY_NS GW_NS_PER_SECOND

struct commanding {
    struct gw_iot_asking asking;
    struct gw_iot_request request;
    const struct gw_device_config *device;
    const struct gw_metric_config *metric;
    struct gw_value body;
    struct gw_sample sample;    /* in the device's unit */
    struct gw_command *command; /* under way; NULL: not, or no longer */
    struct gw_timer deadline;
    bool is_online;
};

static struct gw_request_owner *owner_of(struct gw_exchange *ex)
{
    return GW_CONTAINER_OF(ex->worker, struct gw_request_owner, worker);
}

static void leave(void *self)
{
    struct commanding *commanding = self;

    gw_timer_stop(&commanding->deadline);
    if (commanding->command != NULL)
        commanding->command->owner = NULL;
}

/* --- what came of it --- */

static void refuse(struct gw_exchange *ex, int rc)
{
    if (rc == -EINVAL) {
        gw_iot_refuse(ex, "invalid-body", "The value is not of the metric's type.");
        return;
    }
    (void)gw_exchange_reject(ex, "unavailable",
                             rc == -EIO
                                 ? "The audit cannot be written: nothing was sent."
                                 : "The device's broker cannot be reached: nothing was sent.",
                             RETRY_NS);
    gw_builtin_end(ex, false);
}

static void on_done(struct gw_command *command, int rc)
{
    struct commanding *commanding = command->owner;

    if (commanding == NULL)
        return;
    struct gw_exchange *ex = commanding->request.ex;
    commanding->command = NULL;
    gw_timer_stop(&commanding->deadline);
    if (rc != 0) {
        refuse(ex, rc);
        return;
    }
    struct gw_buf *text = gw_iot_make_text(ex);
    if (text == NULL)
        return;
    gw_buf_append_byte(text, '{');
    gw_iot_write_text(text, "deviceId", commanding->device->id);
    gw_iot_write_text(text, "metric", commanding->metric->name);
    gw_iot_write_moment(text, "sent", (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS));
    gw_buf_append_byte(text, '}');
    gw_iot_answer(ex, 202, text, true);
}

static void on_deadline(struct gw_timer *timer)
{
    struct commanding *commanding = GW_CONTAINER_OF(timer, struct commanding, deadline);
    struct gw_exchange *ex = commanding->request.ex;

    commanding->command->owner = NULL;
    commanding->command = NULL;
    gw_problem_set(ex, "outcome-unknown", "It is not known whether the command was sent.");
    gw_builtin_end(ex, true);
}

/* --- sending --- */

static void copy(char *out, size_t size, struct gw_str text)
{
    snprintf(out, size, "%.*s", GW_STR_ARG(text));
}

static void describe(const struct commanding *commanding, struct gw_command *command)
{
    struct gw_str reason = gw_value_member_text(&commanding->body, GW_STR("reason"));
    const struct gw_value *value = gw_value_member(&commanding->body, GW_STR("value"));
    struct gw_buf text;

    gw_buf_init(&text, GW_COMMAND_MAX_WORDS);
    gw_value_write(&text, value);
    struct gw_str shown = text.has_failed ? GW_STR("a long text") : gw_buf_str(&text);
    snprintf(command->what, sizeof(command->what), "%.*s %.*s = %.*s: %.*s",
             GW_STR_ARG(commanding->device->id), GW_STR_ARG(commanding->metric->name),
             (int)(shown.len < 200 ? shown.len : 200), shown.ptr,
             (int)(reason.len < 300 ? reason.len : 300), reason.ptr != NULL ? reason.ptr : "");
    gw_buf_finish(&text);
}

static struct gw_command *make_command(struct commanding *commanding)
{
    struct gw_command *command = calloc(1, sizeof(*command));
    const struct gw_sample *sample = &commanding->sample;

    if (command == NULL)
        return NULL;
    copy(command->who, sizeof(command->who), commanding->request.ex->identity.consumer);
    copy(command->group, sizeof(command->group), commanding->device->group);
    copy(command->edge_node, sizeof(command->edge_node), commanding->device->edge_node);
    copy(command->device, sizeof(command->device), commanding->device->device);
    copy(command->source, sizeof(command->source), commanding->metric->source);
    describe(commanding, command);
    command->metric = (struct gw_sparkplug_metric){.has_type = true,
                                                   .type = commanding->metric->command_type,
                                                   .value = sample->type,
                                                   .integer = sample->integer};
    if (sample->type == GW_SAMPLE_TEXT)
        copy(command->text, sizeof(command->text), sample->text);
    else if (sample->type == GW_SAMPLE_BOOLEAN)
        command->metric.boolean = sample->boolean;
    command->done = on_done;
    command->owner = commanding;
    return command;
}

static void send_command(struct commanding *commanding)
{
    struct gw_exchange *ex = commanding->request.ex;
    struct gw_request_owner *owner = owner_of(ex);

    if (owner->commands == NULL)
        owner->commands = gw_command_port_create(owner->worker.loop);
    if (owner->command_desk == NULL || *owner->command_desk == NULL || owner->commands == NULL) {
        refuse(ex, -ENODEV);
        return;
    }
    commanding->command = make_command(commanding);
    if (commanding->command == NULL) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return;
    }
    gw_timer_start(owner->worker.loop, &commanding->deadline, ANSWER_NS, on_deadline);
    gw_exchange_must_finish(ex);
    gw_command_send(owner->commands, *owner->command_desk, commanding->command);
}

/* --- whether it may be --- */

static void on_state(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct commanding *commanding = asking->owner;
    (void)index;

    commanding->is_online =
        reply->type == GW_REPLY_STRING && gw_str_has_prefix(reply->text, GW_STR("online "));
}

static void on_asked(struct gw_iot_asking *asking)
{
    struct commanding *commanding = asking->owner;

    if (commanding->is_online)
        send_command(commanding);
    else
        gw_iot_refuse(asking->ex, "refused", "The device is not on-line: it would not get it.");
}

/* From our unit to the device's, whole where its type is. NULL: it may be sent. */
static const char *check_number(const struct gw_metric_config *metric, struct gw_sample *sample)
{
    bool is_whole = metric->command_type <= GW_SPARKPLUG_UINT64;
    double number;

    if (sample->type == GW_SAMPLE_BOOLEAN || !gw_sample_number(sample, &number))
        return "The metric takes a number.";
    if (number < metric->command_min || number > metric->command_max)
        return "The value is outside what the registry allows.";
    if (is_whole && sample->type == GW_SAMPLE_INTEGER && !metric->has_scale)
        return NULL; /* as it is, whatever its length */
    number = (number - metric->offset) / metric->factor;
    if (is_whole && (number != nearbyint(number) || fabs(number) > 9007199254740992.0))
        return "The metric takes a whole number.";
    if (is_whole) {
        sample->type = GW_SAMPLE_INTEGER;
        sample->integer = (int64_t)number;
    } else {
        sample->type = GW_SAMPLE_REAL;
        sample->real = number;
    }
    return NULL;
}

static const char *check_value(struct commanding *commanding)
{
    const struct gw_metric_config *metric = commanding->metric;
    const struct gw_value *value = gw_value_member(&commanding->body, GW_STR("value"));
    struct gw_sample *sample = &commanding->sample;

    if (value == NULL || gw_sample_set_value(value, sample) != 0)
        return "`value` is a number, a text or a boolean.";
    if (metric->command_type == GW_SPARKPLUG_BOOLEAN)
        return sample->type == GW_SAMPLE_BOOLEAN ? NULL : "The metric takes a boolean.";
    if (metric->command_type == GW_SPARKPLUG_STRING)
        return sample->type == GW_SAMPLE_TEXT && sample->text.len < GW_COMMAND_MAX_TEXT &&
                       memchr(sample->text.ptr, 0, sample->text.len) == NULL
                   ? NULL
                   : "The metric takes a text.";
    return check_number(metric, sample);
}

static bool read_command(struct commanding *commanding)
{
    struct gw_exchange *ex = commanding->request.ex;
    struct gw_json_error why;
    const char *fault;

    if (gw_value_read(&ex->arena, ex->request.body, NULL, &commanding->body, &why) != 0) {
        gw_iot_refuse(ex, "invalid-body", NULL);
        return false;
    }
    commanding->metric = gw_device_type_find_name(
        commanding->device->type, gw_value_member_text(&commanding->body, GW_STR("metric")));
    if (commanding->metric == NULL) {
        gw_iot_refuse(ex, "invalid-body", "The device has no such metric.");
        return false;
    }
    if (commanding->metric->command_type == GW_SPARKPLUG_UNKNOWN) {
        gw_iot_refuse(ex, "refused", "The registry allows no command to that metric.");
        return false;
    }
    fault = check_value(commanding);
    if (fault != NULL)
        gw_iot_refuse(ex, "refused", fault);
    return fault == NULL;
}

static void start(struct gw_exchange *ex)
{
    struct commanding *commanding = gw_arena_calloc(&ex->arena, 1, sizeof(*commanding));

    if (commanding == NULL || gw_iot_asking_init(&commanding->asking, ex, 1) != 0 ||
        gw_arena_defer(&ex->arena, leave, commanding) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return;
    }
    if (!gw_iot_read_request(ex, &commanding->request))
        return;
    commanding->device = gw_iot_find_device(&commanding->request);
    if (commanding->device == NULL || !read_command(commanding))
        return;
    const struct gw_str words[] = {GW_STR("HGET"),
                                   gw_iot_key(ex, commanding->device, "states", NULL),
                                   commanding->device->device};
    commanding->asking.owner = commanding;
    commanding->asking.on_reply = on_state;
    commanding->asking.done = on_asked;
    gw_iot_ask(&commanding->asking, words, 3);
    gw_iot_asked(&commanding->asking);
}

const struct gw_builtin gw_iot_send_command = {
    .name = "iot.command",
    .section = "iot",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = start,
};
