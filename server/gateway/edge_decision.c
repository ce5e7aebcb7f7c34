#include "server/gateway/edge_decision.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/crypto/digest.h"
#include "server/crypto/random.h"
#include "server/event/database.h"
#include "server/gateway/edge_private.h"
#include "server/http/exchange.h"
#include "server/http/problem.h"
#include "server/iot/signal.h"
#include "server/iot/sparkplug.h"

#define MAX_TEXT_BYTES (64u << 10)
#define MAX_TOLD 100
#define MAX_TOLD_BYTES (1u << 20)

/* --- one of them --- */

static const char *name_of(uint8_t type)
{
    switch (type) {
    case GW_SPARKPLUG_BOOLEAN:
        return "Boolean";
    case GW_SPARKPLUG_INT32:
        return "Int32";
    case GW_SPARKPLUG_INT64:
        return "Int64";
    case GW_SPARKPLUG_FLOAT:
        return "Float";
    case GW_SPARKPLUG_DOUBLE:
        return "Double";
    default:
        return "String";
    }
}

static void write_text(struct gw_buf *out, const char *name, struct gw_str text)
{
    gw_buf_printf(out, "\"%s\":\"", name);
    gw_buf_append_json(out, text);
    gw_buf_append_byte(out, '"');
}

static void write_command(struct gw_buf *out, const struct gw_signal_event *event,
                          const struct gw_signal_local *local, struct gw_str device)
{
    gw_buf_append_text(out, ",\"command\":{\"device\":\"");
    gw_buf_append_json(out, event->device->group);
    gw_buf_append_byte(out, '/');
    gw_buf_append_json(out, event->device->edge_node);
    gw_buf_append_byte(out, '/');
    gw_buf_append_json(out, device.len > 0 ? device : GW_STR("-"));
    gw_buf_append_text(out, "\",");
    write_text(out, "metric", local->metric);
    gw_buf_printf(out, ",\"type\":\"%s\",", name_of(local->type));
    if (local->value.type == GW_JSON_STRING)
        write_text(out, "value", local->value.text);
    else if (local->value.type == GW_JSON_NUMBER)
        gw_buf_printf(out, "\"value\":%.*s", GW_STR_ARG(local->value.text));
    else
        gw_buf_printf(out, "\"value\":%s", local->value.type == GW_JSON_TRUE ? "true" : "false");
    gw_buf_append_byte(out, '}');
}

static void write_call(struct gw_buf *out, const struct gw_signal_local *local)
{
    uint8_t digest[GW_SHA256_BYTES];
    char hex[2 * GW_SHA256_BYTES + 1];

    gw_digest_compute(GW_SHA256, local->body, digest);
    gw_buf_append_text(out, ",\"call\":{");
    write_text(out, "backend", local->backend);
    gw_buf_append_byte(out, ',');
    write_text(out, "path", local->path);
    gw_buf_printf(out, ",\"bytes\":%zu,\"sha256\":\"", local->body.len);
    gw_hex_encode(digest, sizeof(digest), hex);
    gw_buf_append_text(out, hex);
    gw_buf_append_text(out, "\"}");
}

struct gw_str gw_edge_decision_describe(const struct gw_signal_event *event,
                                        const struct gw_signal_local *local, struct gw_str device,
                                        struct gw_arena *arena)
{
    struct gw_str copy = {NULL, 0};
    struct gw_buf text;

    gw_buf_init(&text, MAX_TEXT_BYTES);
    gw_buf_append_byte(&text, '{');
    write_text(&text, "signal", event->signal);
    gw_buf_append_byte(&text, ',');
    write_text(&text, "device", event->device->id);
    if (local->is_command)
        write_command(&text, event, local, device);
    else
        write_call(&text, local);
    gw_buf_append_byte(&text, '}');
    if (!text.has_failed)
        copy = gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return copy;
}

/* --- the newest ones --- */

/* Freed by whoever is last: the job, or the exchange. */
struct reading {
    struct gw_database_job job;
    struct gw_exchange *ex; /* NULL: it is over */
    bool is_done;
    struct gw_buf text;
};

static void destroy(struct reading *reading)
{
    gw_buf_finish(&reading->text);
    free(reading);
}

static void leave(void *self)
{
    struct reading *reading = self;

    reading->ex = NULL;
    if (reading->is_done)
        destroy(reading);
}

static void write_row(struct gw_buf *out, const struct gw_database_rows *rows)
{
    struct gw_str what = gw_database_bytes(rows, 2), outcome = gw_database_bytes(rows, 3), word;
    char time[GW_CLOCK_TEXT_BYTES];

    gw_clock_text(time, gw_database_integer(rows, 0));
    gw_buf_printf(out, "{\"time\":\"%s\",", time);
    write_text(out, "event", gw_database_bytes(rows, 1));
    gw_buf_append_byte(out, ',');
    (void)gw_str_split(&outcome, ':', &word);
    write_text(out, "outcome", word);
    if (outcome.len > 1) {
        gw_buf_append_byte(out, ',');
        write_text(out, "reason", gw_str_tail(outcome, 1));
    }
    gw_buf_append_byte(out, ',');
    if (gw_str_has_prefix(what, GW_STR("{")))
        gw_buf_printf(out, "\"what\":%.*s", GW_STR_ARG(what));
    else
        write_text(out, "what", what); /* of an older edge */
    gw_buf_append_byte(out, '}');
}

static int read_rows(struct gw_database_job *job, struct gw_database *database)
{
    struct reading *reading = GW_CONTAINER_OF(job, struct reading, job);
    const struct gw_database_value most = GW_DB_INTEGER(MAX_TOLD);
    struct gw_database_rows rows;
    int rc = gw_database_ask(database,
                             "SELECT at_ms, id, what, outcome FROM edge_decision ORDER BY number "
                             "DESC LIMIT ?1",
                             &most, 1, &rows);

    gw_buf_append_text(&reading->text, "{\"decisions\":[");
    for (bool is_first = true; rc == 0; is_first = false) {
        rc = gw_database_next(&rows);
        if (rc <= 0)
            break;
        rc = 0;
        if (!is_first)
            gw_buf_append_byte(&reading->text, ',');
        write_row(&reading->text, &rows);
    }
    gw_buf_append_text(&reading->text, "]}\n");
    return rc;
}

static void on_rows(struct gw_database_job *job, int rc)
{
    struct reading *reading = GW_CONTAINER_OF(job, struct reading, job);
    struct gw_exchange *ex = reading->ex;

    reading->is_done = true;
    if (ex == NULL) {
        destroy(reading);
    } else if (rc != 0) {
        gw_problem_set(ex, "unavailable", NULL);
        gw_exchange_respond(ex);
    } else {
        gw_edge_status_answer(ex, 200, GW_STR("application/json"), &reading->text);
    }
}

void gw_edge_decisions_tell(const struct gw_edge *edge, struct gw_exchange *ex)
{
    struct reading *reading = calloc(1, sizeof(*reading));

    if (reading == NULL || gw_arena_defer(&ex->arena, leave, reading) != 0) {
        free(reading);
        gw_problem_set(ex, "overloaded", NULL);
        gw_exchange_respond(ex);
        return;
    }
    reading->ex = ex;
    gw_buf_init(&reading->text, MAX_TOLD_BYTES);
    reading->job = (struct gw_database_job){.run = read_rows, .done = on_rows};
    gw_database_submit(edge->database, &reading->job);
}
