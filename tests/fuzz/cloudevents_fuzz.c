/* Events of any bytes, in each of their forms, and cursors: what is read can be written, is small
 * enough, stands on one line, and is the same when it is read again. The first byte chooses. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/event/event.h"
#include "server/event/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct gw_str write(struct gw_arena *arena, const struct gw_event *event)
{
    struct gw_buf text;

    gw_buf_init(&text, (size_t)2 * GW_EVENT_MAX_BYTES);
    gw_event_write(event, &text);
    if (text.has_failed || (text.len > 0 && memchr(text.ptr, '\n', text.len) != NULL))
        abort();
    struct gw_str copy = gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return copy;
}

static void check(struct gw_arena *arena, const struct gw_event *event)
{
    struct gw_event again;
    struct gw_error error;
    struct gw_str text = write(arena, event);

    if (text.ptr == NULL)
        return;
    int rc = gw_event_parse(text, arena, &again, &error);
    if (rc == -ENOMEM)
        return;
    if (rc != 0)
        abort();
    struct gw_str second = write(arena, &again);
    if (second.ptr != NULL && !gw_str_equal(text, second))
        abort();
}

static void fuzz_batch(struct gw_arena *arena, struct gw_str text)
{
    struct gw_event_item *items;
    struct gw_error error;
    size_t count;

    if (gw_event_parse_batch(text, 20, arena, &items, &count, &error) != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        if (items[i].rc == 0)
            check(arena, &items[i].event);
        else if (items[i].fault.len == 0)
            abort();
    }
}

/* Lines "name: value", an empty one, and the data. */
static void fuzz_fields(struct gw_arena *arena, struct gw_str text)
{
    struct gw_field fields[32];
    struct gw_event event;
    struct gw_error error;
    struct gw_str line;
    size_t count = 0;

    while (count < GW_COUNT_OF(fields) && gw_str_split(&text, '\n', &line) && line.len > 0) {
        size_t colon = gw_str_find(line, ':');
        fields[count++] = (struct gw_field){
            gw_str_from(line.ptr, colon), gw_str_tail(line, colon < line.len ? colon + 1 : colon)};
    }
    if (gw_event_parse_fields(fields, count, text, arena, &event, &error) == 0)
        check(arena, &event);
}

static void fuzz_cursor(struct gw_str text, unsigned partitions)
{
    struct gw_event_position positions[GW_EVENT_MAX_PARTITIONS];
    char again[GW_EVENT_CURSOR_BYTES];

    if (gw_event_cursor_parse(text, partitions, positions) != 0)
        return;
    struct gw_event_position read[GW_EVENT_MAX_PARTITIONS];
    if (gw_event_cursor_parse(gw_event_cursor_print(positions, partitions, again), partitions,
                              read) != 0 ||
        memcmp(positions, read, partitions * sizeof(*read)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_arena arena;
    struct gw_event event;
    struct gw_error error;

    if (len == 0)
        return 0;
    struct gw_str rest = gw_str_from((const char *)bytes + 1, len - 1);
    gw_arena_init(&arena, 4096, 4 << 20);
    if (bytes[0] == 'B')
        fuzz_batch(&arena, rest);
    else if (bytes[0] == 'F')
        fuzz_fields(&arena, rest);
    else if (bytes[0] < 'A')
        fuzz_cursor(rest, bytes[0] % GW_EVENT_MAX_PARTITIONS + 1u);
    else if (gw_event_parse(rest, &arena, &event, &error) == 0)
        check(&arena, &event);
    gw_arena_finish(&arena);
    return 0;
}
