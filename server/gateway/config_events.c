/* The section `events`: the event log, and what may be published to it. */
#include <errno.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/event/place.h"
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"

#define SECOND INT64_C(1000000000)
#define DAY (INT64_C(86400) * SECOND)

static const struct gw_option consumer_options[] = {
    {.name = "redelivery",
     .type = GW_DURATION,
     .min = SECOND,
     .max = DAY,
     .value = "60s",
     .help = "What a named consumer has not acknowledged for so long is delivered again."},
    {.name = "max_unacknowledged",
     .type = GW_INT,
     .min = 1,
     .max = 10000,
     .value = "1000",
     .help = "Events of one partition that a named consumer may hold; beyond, it gets no more."},
    {.name = "max_consumers",
     .type = GW_INT,
     .min = 1,
     .max = 10000,
     .value = "200",
     .help = "Named consumers of the whole log."},
    {0},
};

const struct gw_option gw_config_events_options[] = {
    {.name = "contract",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .help = "The AsyncAPI 3 document whose messages say which events there are and what they look "
             "like; relative to this file."},
    {.name = "unknown_types",
     .type = GW_ENUM,
     .words = "refuse accept",
     .value = "refuse",
     .help = "What happens to a published event of a type that the contract does not describe."},
    {.name = "partitions",
     .type = GW_INT,
     .min = 1,
     .max = GW_EVENT_MAX_PARTITIONS,
     .value = "8",
     .help =
         "Parts of the log, each with an order of its own; an event's is chosen by its subject. "
         "Never changed while there are events."},
    {.name = "keep",
     .type = GW_DURATION,
     .min = SECOND,
     .max = 3650 * DAY,
     .value = "7d",
     .help = "How old events get before they are archived and trimmed."},
    {.name = "guard",
     .type = GW_DURATION,
     .min = SECOND,
     .max = 365 * DAY,
     .value = "7d",
     .help = "For how long an event's id and source are remembered, so that it is not appended "
             "twice."},
    {.name = "max_events",
     .type = GW_INT,
     .min = 100,
     .max = 100000000,
     .value = "1000000",
     .help = "Events of one partition; beyond, the oldest are archived and trimmed before their "
             "time. A quarter above, nothing is appended: 503."},
    {.name = "archive",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .help = "The folder to which events are written before they are trimmed: a file a day and "
             "partition, one JSON line an event. If left out, what is trimmed is gone."},
    {.name = "trim_every",
     .type = GW_DURATION,
     .min = SECOND,
     .max = DAY,
     .value = "60s",
     .help = "How often one gateway of the fleet looks for what is to be trimmed."},
    {.name = "max_batch",
     .type = GW_INT,
     .min = 1,
     .max = 1000,
     .value = "100",
     .help = "Events of one published batch."},
    {.name = "max_subscribers",
     .type = GW_INT,
     .min = 1,
     .max = 100000,
     .value = "1000",
     .help = "Who may read at once on one worker: streams and long polls. Further ones: 503."},
    {.name = "replay_rate",
     .type = GW_INT,
     .min = 1,
     .max = 1000000,
     .value = "1000",
     .help = "Events a second that one reader gets at most while it is behind."},
    {.name = "consumers",
     .type = GW_OBJECT,
     .fields = consumer_options,
     .value = "{}",
     .help = "Named consumers, which acknowledge what they have done."},
    {0},
};

static uint64_t seconds(const json_t *checked, const char *key)
{
    return gw_config_number(checked, key) / GW_NS_PER_SECOND;
}

static int fill_paths(struct gw_config_loader *loader, const json_t *checked,
                      struct gw_config_events *events)
{
    struct gw_str contract = gw_config_text(checked, "contract");
    struct gw_str archive = gw_config_text(checked, "archive");

    if (contract.ptr != NULL)
        events->contract = gw_config_path(loader, contract);
    if (archive.ptr != NULL)
        events->archive = gw_config_path(loader, archive);
    if ((contract.ptr != NULL && events->contract.ptr == NULL) ||
        (archive.ptr != NULL && events->archive.ptr == NULL))
        return -ENOMEM;
    if (events->contract.ptr != NULL && access(events->contract.ptr, R_OK) != 0)
        gw_config_fail(loader, "/events/contract", "cannot read %s: %s", events->contract.ptr,
                       strerror(errno));
    if (events->archive.ptr != NULL && access(events->archive.ptr, W_OK | X_OK) != 0)
        gw_config_fail(loader, "/events/archive", "cannot write to the folder %s: %s",
                       events->archive.ptr, strerror(errno));
    return 0;
}

int gw_config_fill_events(struct gw_config_loader *loader)
{
    const json_t *checked = json_object_get(loader->config->checked, "events");
    const json_t *consumers = json_object_get(checked, "consumers");
    struct gw_config_events *events = &loader->config->events;

    if (!json_is_object(checked))
        return 0;
    events->is_on = true;
    events->accepts_unknown =
        gw_str_equal(gw_config_text(checked, "unknown_types"), GW_STR("accept"));
    events->partitions = (unsigned)gw_config_number(checked, "partitions");
    events->keep_s = seconds(checked, "keep");
    events->guard_s = seconds(checked, "guard");
    events->max_events = gw_config_number(checked, "max_events");
    events->trim_ns = gw_config_number(checked, "trim_every");
    events->max_batch = (size_t)gw_config_number(checked, "max_batch");
    events->max_subscribers = (size_t)gw_config_number(checked, "max_subscribers");
    events->replay_rate = gw_config_number(checked, "replay_rate");
    events->redelivery_ms = gw_config_number(consumers, "redelivery") / GW_NS_PER_MS;
    events->max_unacknowledged = (unsigned)gw_config_number(consumers, "max_unacknowledged");
    events->max_consumers = (unsigned)gw_config_number(consumers, "max_consumers");
    if (events->contract.ptr == NULL && !events->accepts_unknown &&
        json_object_get(checked, "contract") == NULL)
        gw_config_fail(loader, "/events",
                       "without a contract no event is known: give one, or set unknown_types to "
                       "accept");
    return fill_paths(loader, checked, events);
}
