/* The ids that the connector `ids` keeps, over the admin listener: in and out, as JSON lines
 * {"system", "id", "canonical"}, a bounded part at a time. */
#include <errno.h>
#include <stdlib.h>

#include "server/connector/ids/ids.h"
#include "server/core/clock.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/landscape.h"
#include "server/gateway/server_state.h"
#include "server/store/redis.h"

#define MAX_LINES 1000
#define MAX_LINES_BYTES (512 * 1024)
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)

const struct gw_option gw_admin_ids_fields[] = {
    {.name = "lines",
     .type = GW_STRING,
     .min = 1,
     .max = MAX_LINES_BYTES,
     .flags = GW_OPTION_REQUIRED},
    {0},
};

/* One request, in its exchange's arena. */
struct passing {
    struct gw_server *server;
    struct gw_exchange *ex;
    const struct gw_landscape *landscape;
    struct gw_str hash;
    struct gw_redis_call *call;
    struct gw_redis_eval eval;
    struct gw_record_write write; /* of the system whose turn it is */
    struct gw_str *args;          /* of each system, `room` apart */
    size_t counts[GW_MAX_LANDSCAPE_SYSTEMS];
    size_t room, turn;
    int64_t verdict, kept;
};

static const struct gw_landscape *find_landscape(const struct gw_server *server, struct gw_str name)
{
    const struct gw_config *config = server->current->config;

    for (size_t i = 0; i < config->landscape_count; i++) {
        if (gw_str_equal(config->landscapes[i].name, name))
            return &config->landscapes[i];
    }
    return NULL;
}

static bool is_kind(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte != '-' && !(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9'))
            return false;
    }
    return text.len > 0 && text.len <= 64;
}

static void forget(void *self)
{
    struct passing *passing = self;

    if (passing->call != NULL)
        gw_redis_cancel(passing->call);
    passing->call = NULL;
    gw_record_write_stop(&passing->write);
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    (void)ex;
    forget(self);
}

/* NULL: it was refused. */
static struct passing *prepare(struct gw_server *server, struct gw_exchange *ex)
{
    const struct gw_landscape *landscape = find_landscape(server, gw_admin_parameter(ex, 0));
    struct gw_str kind = gw_admin_parameter(ex, 1);
    struct passing *passing = gw_arena_calloc(&ex->arena, 1, sizeof(*passing));

    if (landscape == NULL || !is_kind(kind)) {
        gw_admin_refuse(ex, "not-found", "There is no such landscape, or that is no kind.");
        return NULL;
    }
    if (passing != NULL)
        passing->hash = gw_arena_printf(&ex->arena, "millgate:ids:{%.*s:%.*s}",
                                        GW_STR_ARG(landscape->name), GW_STR_ARG(kind));
    if (passing == NULL || passing->hash.ptr == NULL ||
        gw_arena_defer(&ex->arena, forget, passing) != 0) {
        gw_admin_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    passing->server = server;
    passing->ex = ex;
    passing->landscape = landscape;
    return passing;
}

/* --- out --- */

/* "s:<system>:<id>" */
static void append_line(struct gw_buf *lines, struct gw_str field, struct gw_str canonical)
{
    struct gw_str rest = field, direction, system;

    if (!gw_str_split(&rest, ':', &direction) || !gw_str_equal(direction, GW_STR("s")) ||
        !gw_str_split(&rest, ':', &system))
        return; /* the other direction says the same */
    gw_buf_append_text(lines, "{\"system\":\"");
    gw_buf_append_json(lines, system);
    gw_buf_append_text(lines, "\",\"id\":\"");
    gw_buf_append_json(lines, rest);
    gw_buf_append_text(lines, "\",\"canonical\":\"");
    gw_buf_append_json(lines, canonical);
    gw_buf_append_text(lines, "\"}\n");
}

static void on_scanned(void *self, int rc, const struct gw_reply *reply)
{
    struct passing *passing = self;
    struct gw_exchange *ex = passing->ex;
    struct gw_buf lines;

    passing->call = NULL;
    ex->cancel = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY || reply->count != 2) {
        gw_admin_refuse(ex, "unavailable", "Redis does not tell the ids.");
        return;
    }
    gw_buf_init(&lines, 4 * MAX_LINES_BYTES);
    const struct gw_reply *fields = &reply->items[1];
    for (size_t i = 0; i + 1 < fields->count; i += 2)
        append_line(&lines, fields->items[i].text, fields->items[i + 1].text);
    struct gw_str next = reply->items[0].text, text = gw_buf_str(&lines);
    json_t *answer = lines.has_failed
                         ? NULL
                         : json_pack("{s:s%}", "lines", text.ptr != NULL ? text.ptr : "", text.len);
    if (answer != NULL && !gw_str_equal(next, GW_STR("0")))
        gw_admin_set_text(answer, "next", next);
    gw_buf_finish(&lines);
    gw_admin_answer_value(ex, 200, answer);
}

void gw_admin_ids_export(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_str cursor = gw_admin_query(ex, GW_STR("cursor"));
    struct passing *passing = prepare(server, ex);
    uint64_t number;

    (void)body;
    if (passing == NULL)
        return;
    if (cursor.ptr == NULL)
        cursor = GW_STR("0");
    if (gw_str_to_u64(cursor, &number) != 0) {
        gw_admin_refuse(ex, "invalid-parameter", "cursor is the `next` of the part before.");
        return;
    }
    const struct gw_str args[] = {GW_STR("HSCAN"), passing->hash, cursor, GW_STR("COUNT"),
                                  GW_STR("1000")};
    const struct gw_redis_command command = {
        .args = args, .count = GW_COUNT_OF(args), .timeout_ns = TIMEOUT_NS};
    if (gw_redis_send(server->redis.redis, &command, on_scanned, passing, &passing->call) != 0) {
        gw_admin_refuse(ex, "unavailable", "Redis is away.");
        return;
    }
    ex->cancel = on_client_left;
    ex->cancel_self = passing;
}

/* --- in --- */

static void write_next(struct passing *passing);

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct passing *passing = GW_CONTAINER_OF(write, struct passing, write);

    passing->verdict = gw_reply_integer_at(reply, 0);
    if (passing->verdict == 0)
        passing->kept += gw_reply_integer_at(reply, 1);
    return passing->verdict == 0 && gw_reply_integer_at(reply, 1) > 0;
}

static void on_written(struct gw_record_write *write, int rc)
{
    struct passing *passing = GW_CONTAINER_OF(write, struct passing, write);
    struct gw_exchange *ex = passing->ex;

    ex->cancel = NULL;
    if (rc != 0)
        gw_admin_refuse(ex, "unavailable", "Not all is known to be kept: do it again.");
    else if (passing->verdict == 1)
        gw_admin_refuse(ex, "conflict", "A line contradicts what is kept already.");
    else if (passing->verdict != 0)
        gw_admin_refuse(ex, "unavailable", "Too many ids are kept.");
    else
        write_next(passing);
}

/* A system after the other: each at once, all or none. */
static void write_next(struct passing *passing)
{
    struct gw_exchange *ex = passing->ex;

    while (passing->turn < passing->landscape->system_count && passing->counts[passing->turn] == 0)
        passing->turn++;
    if (passing->turn == passing->landscape->system_count) {
        gw_admin_answer_value(ex, 200, json_pack("{s:I}", "kept", (json_int_t)passing->kept));
        return;
    }
    struct gw_str *args = passing->args + passing->turn * passing->room;
    args[0] = gw_arena_printf(&ex->arena, "%d", GW_IDS_MAX_KEPT);
    args[1] = passing->landscape->systems[passing->turn].name;
    passing->eval = (struct gw_redis_eval){.script = &gw_ids_keep_script,
                                           .keys = &passing->hash,
                                           .key_count = 1,
                                           .args = args,
                                           .arg_count = 2 + passing->counts[passing->turn],
                                           .timeout_ns = TIMEOUT_NS};
    passing->turn++;
    passing->write = (struct gw_record_write){.on_reply = on_reply, .on_done = on_written};
    if (args[0].ptr == NULL || gw_record_write_start(passing->server->main_worker.record_writer,
                                                     &passing->write, &passing->eval) != 0) {
        gw_admin_refuse(ex, "unavailable", "Redis is away.");
        return;
    }
    ex->cancel = on_client_left;
    ex->cancel_self = passing;
}

static bool is_id(struct gw_str text)
{
    return text.len > 0 && text.len <= GW_IDS_MAX_BYTES;
}

static bool take_line(struct passing *passing, struct gw_str line)
{
    struct gw_arena *arena = &passing->ex->arena;
    json_t *object = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
    size_t system = gw_landscape_find_system(passing->landscape, gw_admin_text(object, "system"));
    struct gw_str id = gw_admin_text(object, "id"), canonical = gw_admin_text(object, "canonical");
    bool is_right = system != SIZE_MAX && is_id(id) && is_id(canonical);

    if (is_right) {
        struct gw_str *args = passing->args + system * passing->room + 2 + passing->counts[system];
        args[0] = gw_arena_copy(arena, id);
        args[1] = gw_arena_copy(arena, canonical);
        passing->counts[system] += 2;
        is_right = args[0].ptr != NULL && args[1].ptr != NULL;
    }
    json_decref(object);
    return is_right;
}

void gw_admin_ids_import(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct passing *passing = prepare(server, ex);
    struct gw_str rest = gw_admin_text(body, "lines"), line;
    size_t count = 0;

    if (passing == NULL)
        return;
    for (size_t i = 0; i < rest.len; i++)
        count += rest.ptr[i] == '\n';
    if (++count > MAX_LINES + 1) {
        gw_admin_refuse(ex, "invalid-body", "There are more than 1000 lines.");
        return;
    }
    passing->room = 2 + 2 * count;
    passing->args = gw_arena_calloc(&ex->arena, passing->landscape->system_count * passing->room,
                                    sizeof(*passing->args));
    if (passing->args == NULL) {
        gw_admin_refuse(ex, "overloaded", NULL);
        return;
    }
    while (gw_str_split(&rest, '\n', &line)) {
        line = gw_str_trim(line);
        if (line.len > 0 && !take_line(passing, line)) {
            gw_admin_refuse(ex, "invalid-body",
                            "A line is {\"system\", \"id\", \"canonical\"}, with the name of a "
                            "system and texts of 1 to 200 bytes.");
            return;
        }
    }
    write_next(passing);
}
