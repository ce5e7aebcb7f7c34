#include "server/store/mirror.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/net/loop.h"
#include "server/store/record_change.h"
#include "server/store/redis.h"

#define POLL_NS (300 * GW_NS_PER_MS)
#define TIMEOUT_NS GW_NS_PER_SECOND
#define SCAN_COUNT "500"
#define LOG_COUNT "500" /* of 4 KiB at most: well below what one reply may have */
#define ENTRY_BYTES 48  /* "1763866500000-0" */
#define FIRST_ENTRY "0-0"

struct reader {
    struct gw_record_set *set;
    void (*wake)(void *self);
    void *self;
};

struct gw_mirror {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_record_set set; /* this thread's own, and what is known of Redis */
    struct reader readers[GW_MIRROR_MAX_READERS];
    size_t reader_count;
    struct gw_timer timer;
    struct gw_redis_call *call; /* one at a time */
    uint64_t asked_ns;          /* when the question under way was sent */
    char position[ENTRY_BYTES]; /* the newest entry of the log that was taken in */
    bool must_load;
    bool has_more; /* changes came while a question was under way: ask again */

    /* --- of the load under way --- */
    struct gw_map next; /* id -> struct gw_record, all that Redis has */
    char next_position[ENTRY_BYTES];
    char cursor[24];

    struct gw_record *changes[1024]; /* gathered for the readers */
    size_t change_count;
    struct gw_mirror_stats stats;
};

static void on_timer(struct gw_timer *timer);

/* --- to the readers --- */

static void hand_over(struct gw_mirror *mirror)
{
    for (size_t i = 0; i < mirror->reader_count; i++) {
        const struct reader *reader = &mirror->readers[i];
        gw_record_set_hand_over(reader->set, mirror->changes, mirror->change_count);
        if (reader->wake != NULL)
            reader->wake(reader->self);
    }
    for (size_t i = 0; i < mirror->change_count; i++)
        gw_record_release(mirror->changes[i]);
    mirror->change_count = 0;
}

/* Takes one change in, here and (soon) at the readers. The reference goes to the mirror. */
static void take(struct gw_mirror *mirror, struct gw_record *record)
{
    if (gw_record_set_apply(&mirror->set, record) != 0) {
        gw_log_error("records: no room for more than %zu", mirror->set.map.count);
        gw_record_release(record);
        return;
    }
    mirror->changes[mirror->change_count++] = record;
    if (mirror->change_count == GW_COUNT_OF(mirror->changes))
        hand_over(mirror);
}

/* All that was known when the question was asked is known here. */
static void is_synced(struct gw_mirror *mirror)
{
    bool is_first = !mirror->set.is_loaded;

    mirror->set.is_loaded = true;
    if (is_first || mirror->change_count > 0)
        hand_over(mirror);
    atomic_store_explicit(&mirror->set.synced_ns, mirror->asked_ns, memory_order_relaxed);
    for (size_t i = 0; i < mirror->reader_count; i++)
        atomic_store_explicit(&mirror->readers[i].set->synced_ns, mirror->asked_ns,
                              memory_order_relaxed);
}

/* --- asking --- */

static void again_later(struct gw_mirror *mirror)
{
    gw_timer_start(mirror->loop, &mirror->timer, mirror->has_more ? 0 : POLL_NS, on_timer);
    mirror->has_more = false;
}

static void failed(struct gw_mirror *mirror)
{
    mirror->stats.failures++;
    mirror->has_more = false;
    again_later(mirror);
}

static void ask(struct gw_mirror *mirror, const struct gw_str *words, size_t count, gw_redis_fn *fn)
{
    const struct gw_redis_command command = {words, count, TIMEOUT_NS};

    if (gw_redis_send(mirror->redis, &command, fn, mirror, &mirror->call) != 0) {
        mirror->call = NULL;
        failed(mirror);
    }
}

static bool is_position(struct gw_str text)
{
    return text.len > 0 && text.len < ENTRY_BYTES;
}

static void keep_position(char *position, struct gw_str text)
{
    memcpy(position, text.ptr, text.len);
    position[text.len] = '\0';
}

/* --- loading --- */

static void drop_next(struct gw_mirror *mirror)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    while ((entry = gw_map_next(&mirror->next, &position)) != NULL)
        gw_record_release(entry->value);
    gw_map_finish(&mirror->next);
}

/* Only what differs from what is known is a change. */
static void take_differences(struct gw_mirror *mirror)
{
    const struct gw_map_entry *entry;
    size_t position = 0, gone = 0;
    struct gw_map left;

    /* What is known and not there any more; gathered first, as the set changes below. */
    gw_map_init(&left, GW_RECORD_MAX_COUNT);
    while ((entry = gw_map_next(&mirror->set.map, &position)) != NULL) {
        struct gw_record *record = entry->value;
        if (gw_map_get(&mirror->next, entry->key) == NULL &&
            gw_map_add(&left, gw_record_id(record), gw_record_retain(record)) != 0) {
            gw_record_release(record);
            mirror->must_load = true;
        }
    }
    position = 0;
    while ((entry = gw_map_next(&left, &position)) != NULL) {
        struct gw_record *removal = gw_record_create(entry->key, NULL);
        if (removal != NULL)
            take(mirror, removal);
        else
            mirror->must_load = true;
        gw_record_release(entry->value);
        gone++;
    }
    gw_map_finish(&left);
    position = 0;
    while ((entry = gw_map_next(&mirror->next, &position)) != NULL) {
        struct gw_record *record = entry->value;
        const struct gw_record *known = gw_record_set_find(&mirror->set, entry->key);
        if (known == NULL || !gw_str_equal(gw_record_value(known), gw_record_value(record)))
            take(mirror, gw_record_retain(record));
    }
    if (mirror->stats.loads > 0)
        gw_log(gone > 0 ? GW_LOG_WARN : GW_LOG_INFO,
               "records: read anew, %zu are there, %zu are gone", mirror->set.map.count, gone);
}

static void end_load(struct gw_mirror *mirror)
{
    mirror->must_load = false;
    take_differences(mirror);
    drop_next(mirror);
    memcpy(mirror->position, mirror->next_position, sizeof(mirror->position));
    mirror->stats.loads++;
    /* What changed while it was read stands in the log. */
    mirror->has_more = true;
    is_synced(mirror);
    again_later(mirror);
}

static int add_scanned(struct gw_mirror *mirror, const struct gw_reply *items)
{
    for (size_t i = 0; i + 1 < items->count; i += 2) {
        struct gw_record *record =
            gw_record_create(items->items[i].text, &items->items[i + 1].text);
        if (record == NULL)
            return -ENOMEM;
        int rc = gw_map_add(&mirror->next, gw_record_id(record), record);
        if (rc != 0)
            gw_record_release(record);
        if (rc != 0 && rc != -EEXIST) /* HSCAN may tell one twice; the log knows what is newer */
            return rc;
    }
    return 0;
}

static void scan(struct gw_mirror *mirror);

static void on_scanned(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_mirror *mirror = self;

    mirror->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY || reply->count != 2 ||
        reply->items[0].text.len >= sizeof(mirror->cursor)) {
        failed(mirror);
        return;
    }
    rc = add_scanned(mirror, &reply->items[1]);
    if (rc != 0) {
        gw_log_error("records: cannot be read: %s",
                     rc == -ENOSPC ? "there are too many" : "out of memory");
        failed(mirror);
        return;
    }
    keep_position(mirror->cursor, reply->items[0].text);
    if (strcmp(mirror->cursor, "0") == 0)
        end_load(mirror);
    else
        scan(mirror);
}

static void scan(struct gw_mirror *mirror)
{
    const struct gw_str words[] = {GW_STR("HSCAN"), gw_record_keys[0], gw_str_of(mirror->cursor),
                                   GW_STR("COUNT"), GW_STR(SCAN_COUNT)};

    ask(mirror, words, GW_COUNT_OF(words), on_scanned);
}

static void on_newest(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_mirror *mirror = self;
    struct gw_str newest = GW_STR(FIRST_ENTRY);

    mirror->call = NULL;
    if (rc == 0 && reply->type == GW_REPLY_ARRAY && reply->count > 0 && reply->items[0].count > 0)
        newest = reply->items[0].items[0].text;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY || !is_position(newest)) {
        failed(mirror);
        return;
    }
    keep_position(mirror->next_position, newest);
    scan(mirror);
}

/* The position in the log first: what changes behind it is taken in again, which does no harm. */
static void begin_load(struct gw_mirror *mirror)
{
    const struct gw_str words[] = {GW_STR("XREVRANGE"), gw_record_keys[1], GW_STR("+"),
                                   GW_STR("-"),         GW_STR("COUNT"),   GW_STR("1")};

    drop_next(mirror);
    keep_position(mirror->cursor, GW_STR("0"));
    ask(mirror, words, GW_COUNT_OF(words), on_newest);
}

/* --- following --- */

static void take_entry(struct gw_mirror *mirror, const struct gw_reply *entry)
{
    const struct gw_reply *fields = entry->count == 2 ? &entry->items[1] : NULL;

    if (fields == NULL || fields->count < 2 || !is_position(entry->items[0].text)) {
        mirror->must_load = true;
        return;
    }
    const struct gw_str *value = fields->count >= 4 ? &fields->items[3].text : NULL;
    struct gw_record *record = gw_record_create(fields->items[1].text, value);
    if (record == NULL) {
        mirror->must_load = true;
        return;
    }
    keep_position(mirror->position, entry->items[0].text);
    mirror->stats.changes++;
    take(mirror, record);
}

/* The first entry must be the last one that is known. With no entry known, any is a gap. */
static bool is_continued(const struct gw_mirror *mirror, const struct gw_reply *entries)
{
    bool is_empty = strcmp(mirror->position, FIRST_ENTRY) == 0;

    if (entries->count == 0)
        return is_empty;
    return !is_empty && entries->items[0].count > 0 &&
           gw_str_equal(entries->items[0].items[0].text, gw_str_of(mirror->position));
}

static void on_changes(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_mirror *mirror = self;

    mirror->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY) {
        failed(mirror);
        return;
    }
    if (!is_continued(mirror, reply)) {
        mirror->stats.gaps++;
        mirror->must_load = true;
        begin_load(mirror);
        return;
    }
    for (size_t i = 1; i < reply->count && !mirror->must_load; i++)
        take_entry(mirror, &reply->items[i]);
    if (reply->count > 1)
        mirror->has_more = true;
    if (reply->count <= 1 && !mirror->must_load)
        is_synced(mirror);
    else
        hand_over(mirror);
    again_later(mirror);
}

static void ask_for_changes(struct gw_mirror *mirror)
{
    const struct gw_str words[] = {GW_STR("XRANGE"), gw_record_keys[1], gw_str_of(mirror->position),
                                   GW_STR("+"),      GW_STR("COUNT"),   GW_STR(LOG_COUNT)};

    ask(mirror, words, GW_COUNT_OF(words), on_changes);
}

static void look(struct gw_mirror *mirror)
{
    mirror->asked_ns = gw_loop_now_ns(mirror->loop);
    if (mirror->must_load)
        begin_load(mirror);
    else
        ask_for_changes(mirror);
}

static void on_timer(struct gw_timer *timer)
{
    look(GW_CONTAINER_OF(timer, struct gw_mirror, timer));
}

void gw_mirror_poll(struct gw_mirror *mirror)
{
    if (mirror->call != NULL) {
        mirror->has_more = true;
        return;
    }
    gw_timer_stop(&mirror->timer);
    look(mirror);
}

/* --- life --- */

struct gw_mirror *gw_mirror_create(struct gw_loop *loop, struct gw_redis *redis)
{
    struct gw_mirror *mirror = calloc(1, sizeof(*mirror));

    if (mirror == NULL)
        return NULL;
    mirror->loop = loop;
    mirror->redis = redis;
    mirror->must_load = true;
    gw_map_init(&mirror->next, GW_RECORD_MAX_COUNT);
    gw_record_set_init(&mirror->set, GW_RECORD_MAX_COUNT);
    gw_timer_start(loop, &mirror->timer, 0, on_timer);
    return mirror;
}

void gw_mirror_destroy(struct gw_mirror *mirror)
{
    if (mirror == NULL)
        return;
    gw_timer_stop(&mirror->timer);
    if (mirror->call != NULL)
        gw_redis_cancel(mirror->call);
    drop_next(mirror);
    for (size_t i = 0; i < mirror->change_count; i++)
        gw_record_release(mirror->changes[i]);
    gw_record_set_finish(&mirror->set);
    free(mirror);
}

struct gw_record_set *gw_mirror_get_set(struct gw_mirror *mirror)
{
    return &mirror->set;
}

int gw_mirror_add_reader(struct gw_mirror *mirror, struct gw_record_set *set,
                         void (*wake)(void *self), void *self)
{
    if (mirror->reader_count == GW_MIRROR_MAX_READERS)
        return -ENOSPC;
    mirror->readers[mirror->reader_count++] = (struct reader){set, wake, self};
    return 0;
}

void gw_mirror_get_stats(const struct gw_mirror *mirror, struct gw_mirror_stats *out_stats)
{
    *out_stats = mirror->stats;
}
