#include "server/connector/effect_note.h"

#include "server/connector/connector.h"
#include "server/connector/count.h"
#include "server/core/buf.h"
#include "server/core/log.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"
#include "server/upstream/backend.h"

static const struct gw_metric effects = {
    "millgate_effects_total", "Turning points of guarded writes, by backend.", NULL, false};

static void count(const struct gw_connector_call *call, const char *result)
{
    struct gw_buf labels;

    if (call->worker->metrics == NULL)
        return;
    gw_buf_init(&labels, 1024);
    gw_buf_append_text(&labels, "backend=\"");
    gw_buf_append_json(&labels, call->backend->config->name);
    gw_buf_printf(&labels, "\",result=\"%s\"", result);
    gw_buf_append_byte(&labels, '\0');
    if (!labels.has_failed)
        gw_metrics_add(call->worker->metrics,
                       gw_metrics_labelled(call->worker->metrics, &effects, labels.ptr), 1);
    gw_buf_finish(&labels);
}

void gw_effect_note(const struct gw_connector_call *call, enum gw_effect_note note,
                    struct gw_str why)
{
    static const char *const results[GW_EFFECT_NOTE_COUNT] = {
        [GW_EFFECT_NOTE_IN_DOUBT] = "in-doubt", [GW_EFFECT_NOTE_ADOPTED] = "adopted",
        [GW_EFFECT_NOTE_RESENT] = "resent",     [GW_EFFECT_NOTE_DEAD] = "dead",
        [GW_EFFECT_NOTE_REPLAYED] = "replayed",
    };

    static const char *const words[GW_EFFECT_NOTE_COUNT] = {
        [GW_EFFECT_NOTE_IN_DOUBT] = "in doubt",
        [GW_EFFECT_NOTE_ADOPTED] = "taken as done",
        [GW_EFFECT_NOTE_RESENT] = "sent again",
        [GW_EFFECT_NOTE_DEAD] = "dead",
    };
    bool is_wrong = note == GW_EFFECT_NOTE_IN_DOUBT || note == GW_EFFECT_NOTE_DEAD;

    count(call, results[note]);
    if (words[note] != NULL)
        gw_log(is_wrong ? GW_LOG_WARN : GW_LOG_INFO,
               "the effect %.*s at the backend %.*s (%s.%s) is %s: %.*s",
               GW_STR_ARG(call->effect_key), GW_STR_ARG(call->backend->config->name),
               gw_connector_name_of(call->function), call->function->name, words[note],
               GW_STR_ARG(why));
}

struct gw_str gw_effect_note_function(const struct gw_connector_call *call)
{
    return gw_arena_printf(call->arena, "%s.%s", gw_connector_name_of(call->function),
                           call->function->name);
}
