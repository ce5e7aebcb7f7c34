#include "server/store/purge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/hash.h"

#define POLL_NS (250 * GW_NS_PER_MS)
#define TIMEOUT_NS (250 * GW_NS_PER_MS)
#define READ_COUNT 100
#define ID_BYTES 44 /* of two numbers of 20 digits */

static const struct gw_str stream_key = GW_STR_INIT("millgate:cache:purges");

/* As for counters: with `appendfsync always` each change to a resource would wait for the disk. A
 * Redis that loses the end of the log is noticed by all who follow it. */
static const struct gw_script purge_script = {
    .name = "purge",
    .source = GW_STR_INIT("redis.set_repl(redis.REPL_REPLICA)\n"
                          "return redis.call('XADD', KEYS[1], 'MAXLEN', '~', 4096, '*',\n"
                          "                  ARGV[1], ARGV[2])\n"),
};

/* Not under the process's key: all instances hash alike. Who finds tags that fall together has them
 * purged together, which is no harm. */
uint64_t gw_purge_hash(struct gw_str tag)
{
    static const struct gw_hash_key key = {0x6d696c6c67617465, 0x63616368652d7467};
    return gw_hash(&key, tag);
}

uint64_t gw_purge_mark(struct gw_str id)
{
    size_t hyphen = gw_str_find(id, '-');
    uint64_t ms, number;

    if (hyphen == id.len || gw_str_to_u64(gw_str_from(id.ptr, hyphen), &ms) != 0 ||
        gw_str_to_u64(gw_str_tail(id, hyphen + 1), &number) != 0 || ms >= UINT64_C(1) << 43)
        return 0;
    if (number >= 1 << 16)
        number = (1 << 16) - 1;
    return ms << 20 | number << 4;
}

/* --- purging --- */

static void on_written(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_purge_write *write = self;

    write->call = NULL;
    if (rc == 0 && reply->type != GW_REPLY_STRING)
        rc = -EPROTO;
    write->on_done(write, rc);
}

int gw_purge_write_start(struct gw_redis *redis, struct gw_purge_write *write,
                         const uint64_t *hashes, size_t count)
{
    if (count > GW_PURGE_MAX_TAGS)
        return -EMSGSIZE;
    for (size_t i = 0; i < count; i++)
        snprintf(write->text + 16 * i, 17, "%016llx", (unsigned long long)hashes[i]);
    write->args[0] = count == 0 ? GW_STR("all") : GW_STR("tags");
    write->args[1] = count == 0 ? GW_STR("1") : gw_str_from(write->text, 16 * count);
    write->eval = (struct gw_redis_eval){
        .script = &purge_script,
        .keys = &stream_key,
        .key_count = 1,
        .args = write->args,
        .arg_count = 2,
        .timeout_ns = TIMEOUT_NS,
    };
    return gw_redis_eval(redis, &write->eval, on_written, write, &write->call);
}

void gw_purge_write_cancel(struct gw_purge_write *write)
{
    if (write->call != NULL)
        gw_redis_cancel(write->call);
    write->call = NULL;
}

/* --- following --- */

struct gw_purge_reader {
    struct gw_loop *loop;
    struct gw_redis *redis;
    const struct gw_purge_events *events;
    void *self;
    struct gw_timer timer;
    struct gw_redis_call *call;
    char position[ID_BYTES]; /* of the last entry known; "": none yet, begin anew */
    bool is_current;
};

static void look(struct gw_purge_reader *reader);

static void on_timer(struct gw_timer *timer)
{
    look(GW_CONTAINER_OF(timer, struct gw_purge_reader, timer));
}

static void look_later(struct gw_purge_reader *reader, uint64_t after_ns)
{
    gw_timer_start(reader->loop, &reader->timer, after_ns, on_timer);
}

static struct gw_str id_of(const struct gw_reply *entry)
{
    bool is_entry = entry->type == GW_REPLY_ARRAY && entry->count == 2 &&
                    entry->items[0].type == GW_REPLY_STRING &&
                    entry->items[0].text.len < ID_BYTES && gw_purge_mark(entry->items[0].text) > 0;
    return is_entry ? entry->items[0].text : GW_STR("");
}

static void keep_position(struct gw_purge_reader *reader, struct gw_str id)
{
    memcpy(reader->position, id.ptr, id.len);
    reader->position[id.len] = '\0';
}

static bool read_hash(struct gw_str digits, uint64_t *out_hash)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < digits.len; i++) {
        char byte = digits.ptr[i];
        bool is_digit = byte >= '0' && byte <= '9';
        if (!is_digit && (byte < 'a' || byte > 'f'))
            return false;
        hash = hash << 4 | (uint64_t)(is_digit ? byte - '0' : byte - 'a' + 10);
    }
    *out_hash = hash;
    return digits.len == 16;
}

/* What is not understood is a purge of all: it was meant to be one of something. */
static void apply(struct gw_purge_reader *reader, const struct gw_reply *entry, uint64_t mark)
{
    const struct gw_reply *fields = &entry->items[1];
    bool is_tags = fields->type == GW_REPLY_ARRAY && fields->count == 2 &&
                   gw_str_equal(fields->items[0].text, GW_STR("tags"));
    struct gw_str rest = is_tags ? fields->items[1].text : GW_STR("");
    bool is_known = rest.len > 0;

    while (is_known && rest.len > 0) {
        uint64_t hash;
        is_known = read_hash(gw_str_from(rest.ptr, rest.len < 16 ? rest.len : 16), &hash);
        if (is_known)
            reader->events->on_tag(reader->self, hash, mark);
        rest = gw_str_tail(rest, rest.len < 16 ? rest.len : 16);
    }
    if (!is_known)
        reader->events->on_all(reader->self, mark);
}

/* The newest entry: what was before it is not asked for, but nothing kept until now counts. */
static void on_newest(struct gw_purge_reader *reader, const struct gw_reply *reply)
{
    struct gw_str id = reply->count == 0 ? GW_STR("0-0") : id_of(&reply->items[0]);

    if (id.len == 0)
        return;
    keep_position(reader, id);
    reader->is_current = true;
    reader->events->on_all(reader->self, gw_purge_mark(id));
}

/* The first is the last one known, unless there was none. */
static void on_entries(struct gw_purge_reader *reader, const struct gw_reply *reply)
{
    bool is_from_nothing = gw_str_equal(gw_str_of(reader->position), GW_STR("0-0"));
    size_t first = is_from_nothing ? 0 : 1;

    if (!is_from_nothing && (reply->count == 0 ||
                             !gw_str_equal(id_of(&reply->items[0]), gw_str_of(reader->position)))) {
        reader->position[0] = '\0'; /* a gap */
        return;
    }
    for (size_t i = first; i < reply->count; i++) {
        struct gw_str id = id_of(&reply->items[i]);
        if (id.len == 0) {
            reader->position[0] = '\0';
            return;
        }
        apply(reader, &reply->items[i], gw_purge_mark(id));
        keep_position(reader, id);
    }
    reader->is_current = reply->count < READ_COUNT;
}

static void on_reply(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_purge_reader *reader = self;
    bool was_known = reader->position[0] != '\0';

    reader->call = NULL;
    reader->is_current = false;
    if (rc == 0 && reply->type == GW_REPLY_ARRAY && was_known)
        on_entries(reader, reply);
    else if (rc == 0 && reply->type == GW_REPLY_ARRAY)
        on_newest(reader, reply);
    bool is_behind = rc == 0 && ((was_known && reader->position[0] == '\0') ||
                                 (reply->type == GW_REPLY_ARRAY && reply->count == READ_COUNT));
    look_later(reader, is_behind ? GW_NS_PER_MS : POLL_NS);
}

static void look(struct gw_purge_reader *reader)
{
    const struct gw_str newest[] = {GW_STR("XREVRANGE"), stream_key,      GW_STR("+"),
                                    GW_STR("-"),         GW_STR("COUNT"), GW_STR("1")};
    const struct gw_str entries[] = {
        GW_STR("XRANGE"), stream_key,      gw_str_of(reader->position),
        GW_STR("+"),      GW_STR("COUNT"), GW_STR("100"),
    };
    bool is_known = reader->position[0] != '\0';
    const struct gw_redis_command command = {
        .args = is_known ? entries : newest,
        .count = GW_COUNT_OF(entries),
        .timeout_ns = TIMEOUT_NS,
    };

    _Static_assert(READ_COUNT == 100, "as the text above says");
    if (gw_redis_send(reader->redis, &command, on_reply, reader, &reader->call) == 0)
        return;
    reader->call = NULL;
    reader->is_current = false;
    look_later(reader, POLL_NS);
}

struct gw_purge_reader *gw_purge_reader_create(struct gw_loop *loop, struct gw_redis *redis,
                                               const struct gw_purge_events *events, void *self)
{
    struct gw_purge_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL)
        return NULL;
    *reader =
        (struct gw_purge_reader){.loop = loop, .redis = redis, .events = events, .self = self};
    look(reader);
    return reader;
}

void gw_purge_reader_destroy(struct gw_purge_reader *reader)
{
    if (reader == NULL)
        return;
    gw_timer_stop(&reader->timer);
    if (reader->call != NULL)
        gw_redis_cancel(reader->call);
    free(reader);
}

bool gw_purge_reader_is_current(const struct gw_purge_reader *reader)
{
    return reader->is_current;
}
