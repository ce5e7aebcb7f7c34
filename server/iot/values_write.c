/* Last values, states and histories on their way to Redis. One small script is under way at a time,
 * and its answer begins the next: journal and events, for which the lane waits, never stand behind
 * many. Where more changes than goes out so, it goes out less often. */
#include "server/core/clock.h"
#include "server/iot/board_write.h"
#include "server/iot/sample_text.h"
#include "server/iot/values_private.h"

#define TICK_NS (100 * GW_NS_PER_MS)
#define VALUES_NS GW_NS_PER_SECOND
#define HISTORY_NS (5 * GW_NS_PER_SECOND)
#define SPREAD UINT32_C(2654435769) /* golden ratio: neighbours get turns far from each other */

static const struct gw_script write_script = {
    "iot.values",
    GW_STR_INIT(GW_VALUES_CHECK_OWNER
                "local at = 3 + 2 * tonumber(ARGV[2])\n"
                "if at > 3 then redis.call('HSET', KEYS[2], unpack(ARGV, 3, at - 1)) end\n"
                "while at < #ARGV do\n"
                "  local device, state, since, seen = unpack(ARGV, at, at + 3)\n"
                "  if since == '0' and state ~= '' then\n"
                "    local old = redis.call('HGET', KEYS[3], device)\n"
                "    if old and string.match(old, '^%S+') == state then state = '' end\n"
                "  end\n"
                "  if state ~= '' then\n"
                "    redis.call('HSET', KEYS[3], device, state .. ' ' .. since)\n"
                "  end\n"
                "  if seen ~= '0' then redis.call('HSET', KEYS[4], device, seen) end\n"
                "  at = at + 4\n"
                "end\n"
                "return 1\n")};

void gw_values_mark(struct gw_iot_values *values, struct values_node *node)
{
    if (!gw_list_is_linked(&node->dirty))
        gw_list_append(&values->dirty, &node->dirty);
}

/* --- one script --- */

static void add_value(struct gw_iot_values *values, struct gw_board_write *write, uint32_t series)
{
    struct value_slot *slot = &values->slots[series];
    const struct gw_metric_config *metric;
    const struct gw_device_config *device =
        gw_registry_series_device(values->registry, series, &metric);
    struct gw_sample sample = {.type = slot->type, .quality = slot->quality};
    struct gw_buf *text = &values->text;

    sample.integer = slot->integer;
    if (slot->type == GW_SAMPLE_TEXT)
        sample.text = gw_str_from(slot->text, slot->text_len);
    else if (slot->type == GW_SAMPLE_BOOLEAN)
        sample.boolean = slot->integer != 0;
    gw_buf_clear(text);
    gw_buf_printf(text, "%.*s/%.*s", GW_STR_ARG(device->device), GW_STR_ARG(metric->name));
    gw_board_write_arg(write, gw_buf_str(text));
    gw_buf_clear(text);
    gw_buf_printf(text, "%lld %s ", (long long)slot->time_ms,
                  gw_quality_name((enum gw_quality)slot->quality));
    gw_sample_write_value(text, &sample);
    write->has_failed |= text->has_failed;
    gw_board_write_arg(write, gw_buf_str(text));
}

static void add_device(struct gw_iot_values *values, struct gw_board_write *write, uint32_t index)
{
    static const char *const names[] = {"unknown", "online", "offline"};
    struct values_device *device = &values->devices[index];

    gw_board_write_arg(write, gw_registry_device(values->registry, index)->device);
    gw_board_write_arg(write, gw_str_of(device->has_state ? names[device->state] : ""));
    gw_board_write_number(write, device->since_ms);
    gw_board_write_number(write, device->seen_ms);
}

static void on_written(struct gw_board_write *write, int rc, const struct gw_reply *reply)
{
    struct gw_iot_values *values = write->owner;
    struct values_node *node = write->subject;
    (void)reply;

    if (rc != 0 && node != NULL) {
        node->is_doubtful = true; /* all that is known is written again */
        gw_values_mark(values, node);
    }
    gw_values_written(values, rc);
}

static void add_marked(struct gw_iot_values *values, struct gw_board_write *write,
                       struct values_lists *pass)
{
    uint32_t left = pass->series, count = 0;

    for (; left != GW_SERIES_NONE && count < GW_VALUES_SLICE; count++)
        left = values->slots[left].next_dirty;
    gw_board_write_arg(write, gw_str_of(values->instance));
    gw_board_write_number(write, count);
    while (pass->series != left) {
        struct value_slot *slot = &values->slots[pass->series];
        add_value(values, write, pass->series);
        slot->is_dirty = false;
        pass->series = slot->next_dirty;
    }
    for (count = 0; pass->device != GW_SERIES_NONE && count < GW_VALUES_SLICE; count++) {
        struct values_device *device = &values->devices[pass->device];
        add_device(values, write, pass->device);
        device->is_dirty = false;
        pass->device = device->next_dirty;
    }
}

static bool write_values(struct gw_iot_values *values, struct values_node *node)
{
    struct gw_str id = node->config->id;
    struct gw_board_write *write =
        gw_board_write_create(&values->writes, &write_script, 4, 6 * GW_VALUES_SLICE + 2);

    if (write == NULL)
        return false;
    write->owner = values;
    write->subject = node;
    write->done = on_written;
    gw_board_write_key(write, id, "owner", GW_STR(""));
    gw_board_write_key(write, id, "values", GW_STR(""));
    gw_board_write_key(write, id, "states", GW_STR(""));
    gw_board_write_key(write, id, "seen", GW_STR(""));
    add_marked(values, write, &node->pass);
    if (gw_board_write_send(write, values->redis) != 0) {
        values->counts.failures++;
        node->is_doubtful = true;
        return false;
    }
    values->under_way++;
    return true;
}

/* --- a pass: what one node had when it began --- */

/* Since it is not known what has arrived. */
static void mark_all(struct gw_iot_values *values, struct values_node *node)
{
    node->is_doubtful = false;
    for (size_t i = 0; i < node->config->device_count; i++) {
        const struct gw_device_config *device = node->config->devices[i];
        gw_values_mark_device(values, node, device->index);
        for (uint32_t k = 0; k < device->type->metric_count; k++) {
            uint32_t series = device->series_at + k;
            if (values->slots[series].is_known)
                gw_values_mark_series(values, node, series);
        }
    }
}

static uint32_t move(uint32_t *from)
{
    uint32_t first = *from;

    *from = GW_SERIES_NONE;
    return first;
}

static bool is_empty(const struct values_lists *lists)
{
    return lists->series == GW_SERIES_NONE && lists->device == GW_SERIES_NONE &&
           lists->history == GW_SERIES_NONE;
}

/* Of what is due. False: nothing is. */
static bool begin_pass(struct gw_iot_values *values, struct values_node *node, uint64_t now_ns)
{
    if (now_ns >= node->values_due_ns) {
        if (node->is_doubtful)
            mark_all(values, node);
        node->pass.series = move(&node->marked.series);
        node->pass.device = move(&node->marked.device);
        node->values_due_ns = now_ns + VALUES_NS;
    }
    if (now_ns >= node->history_due_ns ||
        (values->pool != NULL && gw_history_pool_is_pressed(values->pool))) {
        node->pass.history = move(&node->marked.history);
        node->history_due_ns = now_ns + HISTORY_NS;
    }
    return !is_empty(&node->pass);
}

/* False: what is left cannot be sent now. */
static bool write_slice(struct gw_iot_values *values, struct values_node *node)
{
    if (node->pass.series != GW_SERIES_NONE || node->pass.device != GW_SERIES_NONE)
        return write_values(values, node);
    return gw_values_write_history(values, node);
}

/* What is left of the pass goes with the next one. */
static void give_up(struct gw_iot_values *values, struct values_node *node, uint64_t now_ns)
{
    while (node->pass.series != GW_SERIES_NONE) {
        struct value_slot *slot = &values->slots[node->pass.series];
        uint32_t series = node->pass.series;
        node->pass.series = slot->next_dirty;
        slot->is_dirty = false;
        gw_values_mark_series(values, node, series);
    }
    while (node->pass.device != GW_SERIES_NONE) {
        struct values_device *device = &values->devices[node->pass.device];
        uint32_t number = node->pass.device;
        node->pass.device = device->next_dirty;
        device->is_dirty = false;
        gw_values_mark_device(values, node, number);
    }
    while (node->pass.history != GW_SERIES_NONE) {
        uint32_t number = node->pass.history;
        node->pass.history = values->histories[number].next_listed;
        values->histories[number].next_listed = node->marked.history;
        node->marked.history = number;
    }
    node->values_due_ns = node->history_due_ns = now_ns + VALUES_NS;
}

/* The next node with something that is due; those with nothing at all leave the list. */
static struct values_node *find_due(struct gw_iot_values *values, uint64_t now_ns)
{
    struct gw_list *at = values->dirty.next;

    while (at != &values->dirty) {
        struct values_node *node = GW_LIST_ITEM(at, struct values_node, dirty);
        at = at->next;
        if (begin_pass(values, node, now_ns))
            return node;
        if (is_empty(&node->marked) && !node->is_doubtful)
            gw_list_remove(&node->dirty);
    }
    return NULL;
}

static void write_next(struct gw_iot_values *values)
{
    uint64_t now_ns = gw_loop_now_ns(values->loop);

    while (values->under_way == 0) {
        struct values_node *node = values->writing;
        if (node == NULL || is_empty(&node->pass))
            node = find_due(values, now_ns);
        values->writing = node;
        if (node == NULL)
            return;
        if (!write_slice(values, node))
            give_up(values, node, now_ns);
    }
}

void gw_values_written(struct gw_iot_values *values, int rc)
{
    if (rc == 0)
        values->counts.writes++;
    else
        values->counts.failures++;
    values->under_way--;
    if (rc == 0)
        write_next(values); /* else the tick: not in a circle while Redis is away */
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_iot_values *values = GW_CONTAINER_OF(timer, struct gw_iot_values, tick);

    gw_timer_start(values->loop, timer, TICK_NS, on_tick);
    write_next(values);
}

/* The nodes' turns are spread over the time between two. */
void gw_values_begin_writing(struct gw_iot_values *values)
{
    uint64_t now_ns = gw_loop_now_ns(values->loop);

    for (uint32_t i = 0; i < gw_registry_node_count(values->registry); i++) {
        uint64_t share = i * SPREAD >> 16; /* of 65536 */
        values->nodes[i].values_due_ns = now_ns + VALUES_NS / 65536 * share;
        values->nodes[i].history_due_ns = now_ns + HISTORY_NS / 65536 * share;
    }
    gw_timer_start(values->loop, &values->tick, TICK_NS, on_tick);
}

void gw_values_write_node(struct gw_iot_values *values, struct values_node *node)
{
    do { /* first the pass under way, if it is */
        while (!is_empty(&node->pass))
            if (!write_slice(values, node))
                return;
        node->values_due_ns = node->history_due_ns = 0;
    } while (begin_pass(values, node, gw_loop_now_ns(values->loop)));
}

void gw_values_write_all(struct gw_iot_values *values)
{
    for (size_t i = 0; i < gw_registry_node_count(values->registry); i++)
        gw_values_write_node(values, &values->nodes[i]);
}
