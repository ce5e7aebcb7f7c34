/* What the answers of a batch mean together. */
#include <errno.h>

#include "server/connector/odata/batch.h"
#include "server/core/arena.h"

static bool is_success(int status)
{
    return status >= 200 && status < 300;
}

static bool are_together(const struct odata_member *a, const struct odata_member *b)
{
    return a == b || (a->group.len > 0 && gw_str_equal(a->group, b->group));
}

/* --- members ---------------------------------------------------------------------------------- */

static enum odata_ask ask_of(const struct odata_member *member, enum odata_ask ask)
{
    return member->request.is_write ? ask : ODATA_READING;
}

static int settle_refused(struct gw_arena *arena, enum odata_ask ask, struct odata_member *member)
{
    int rc = member->value != NULL ? odata_refusal_take(arena, member->value, &member->refusal)
                                   : odata_refusal_read(arena, member->text, &member->refusal);

    if (rc != 0)
        return rc;
    if (member->refusal.message.len == 0)
        member->refusal.message = GW_STR("refused without an OData error");
    member->error = odata_refusal_class(member->status, &member->refusal, ask);
    return 0;
}

static void settle_rubbish(struct odata_member *member, struct gw_str message)
{
    member->error = GW_CONNECTOR_RUBBISH;
    member->refusal.message = message;
}

static int settle_success(struct gw_arena *arena, const struct odata_settings *settings,
                          struct odata_member *member)
{
    struct odata_answer answer = {.value = gw_value_null(), .count = gw_value_null()};
    struct gw_error error;
    int rc = 0;

    if (member->value != NULL && member->value->type != GW_JSON_NULL)
        rc = odata_answer_take(arena, settings, &member->request, member->name, member->value,
                               &answer, &error);
    else if (member->text.len > 0)
        rc = odata_answer_read(arena, settings, &member->request, member->name, member->text,
                               &answer, &error);
    if (rc == 0 && member->request.shape == ODATA_LIST)
        rc = answer.value.type == GW_JSON_ARRAY
                 ? odata_answer_make_list(arena, &answer, &answer.value)
                 : gw_error_set(&error, -EBADMSG, "the answer is not an OData list");
    if (rc == 0 && member->request.shape == ODATA_ENTITY && answer.value.type == GW_JSON_NULL)
        answer.value = gw_value_object(NULL, 0);
    if (rc == 0)
        rc = odata_answer_tag(arena, member->etag, &answer.value);
    if (rc == -ENOMEM)
        return rc;
    struct gw_str why = rc != 0 ? gw_arena_copy(arena, gw_str_of(error.text)) : GW_STR("");
    if (why.ptr == NULL)
        return -ENOMEM;
    if (rc != 0)
        settle_rubbish(member, why);
    else
        member->result = answer.value;
    return 0;
}

/* --- groups ----------------------------------------------------------------------------------- */

/* Whether somebody in the member's group has failed by himself. */
static bool group_has_failed(const struct odata_batch *batch, const struct odata_member *member)
{
    for (size_t i = 0; i < batch->count; i++)
        if (are_together(member, &batch->members[i]) && batch->members[i].status != 0 &&
            !is_success(batch->members[i].status))
            return true;
    return false;
}

static bool group_is_whole(const struct odata_batch *batch, const struct odata_member *member)
{
    for (size_t i = 0; i < batch->count; i++)
        if (are_together(member, &batch->members[i]) && batch->members[i].status == 0)
            return false;
    return true;
}

static int settle(struct gw_arena *arena, const struct odata_settings *settings, enum odata_ask ask,
                  const struct odata_batch *batch, struct odata_member *member)
{
    if (member->status != 0 && !is_success(member->status))
        return settle_refused(arena, ask_of(member, ask), member);
    if (member->group.len > 0 && group_has_failed(batch, member)) {
        member->is_rolled_back = true;
        member->error = GW_CONNECTOR_REFUSED;
        member->refusal.message = GW_STR("another one of its group has failed");
        return 0;
    }
    if (!group_is_whole(batch, member)) {
        settle_rubbish(member, GW_STR("the batch's answer lacks one of this group or request"));
        if (ask_of(member, ask) == ODATA_WRITING)
            member->error = GW_CONNECTOR_IN_DOUBT;
        return 0;
    }
    return settle_success(arena, settings, member);
}

int odata_batch_settle(struct gw_arena *arena, const struct odata_settings *settings,
                       enum odata_ask ask, struct odata_batch *batch)
{
    int rc = 0;

    for (size_t i = 0; i < batch->count && rc == 0; i++)
        rc = settle(arena, settings, ask, batch, &batch->members[i]);
    return rc;
}

const struct odata_member *odata_batch_culprit(const struct odata_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->members[i].error != GW_CONNECTOR_OK && !batch->members[i].is_rolled_back)
            return &batch->members[i];
    return NULL;
}

/* --- the result ------------------------------------------------------------------------------- */

/* A sticky code: all that builds goes on doing nothing. */
struct making {
    struct gw_value_builder builder;
    int rc;
};

static void add(struct making *making, struct gw_str name, struct gw_value value)
{
    if (making->rc == 0)
        making->rc = gw_value_add_member(&making->builder, name, value);
}

static int make_error(struct gw_arena *arena, const struct odata_member *member,
                      struct gw_value *out_error)
{
    struct making making = {.builder.arena = arena};
    const char *class = gw_connector_error_row(member->error)->name;

    add(&making, GW_STR("class"), gw_value_string(gw_str_of(class)));
    add(&making, GW_STR("code"), gw_value_string(member->refusal.code));
    add(&making, GW_STR("message"), gw_value_string(member->refusal.message));
    *out_error = gw_value_built_object(&making.builder);
    return making.rc;
}

static int make_response(struct gw_arena *arena, const struct odata_member *member,
                         struct gw_value *out_response)
{
    struct making making = {.builder.arena = arena};
    bool holds = member->error == GW_CONNECTOR_OK;
    struct gw_value status, error;

    making.rc = gw_value_integer(arena, member->status, &status);
    add(&making, GW_STR("id"), gw_value_string(member->id));
    add(&making, GW_STR("ok"), gw_value_bool(holds));
    if (making.rc == 0)
        add(&making, GW_STR("status"), status);
    if (holds) {
        add(&making, GW_STR("result"), member->result);
    } else if (making.rc == 0) {
        making.rc = make_error(arena, member, &error);
        if (making.rc == 0)
            add(&making, GW_STR("error"), error);
    }
    if (member->is_rolled_back)
        add(&making, GW_STR("rolledBack"), gw_value_bool(true));
    *out_response = gw_value_built_object(&making.builder);
    return making.rc;
}

int odata_batch_make_result(struct gw_arena *arena, const struct odata_batch *batch,
                            struct gw_value *out_result)
{
    struct gw_value_builder responses = {.arena = arena};
    struct making making = {.builder.arena = arena};
    bool all_hold = true;

    for (size_t i = 0; i < batch->count && making.rc == 0; i++) {
        struct gw_value response;
        making.rc = make_response(arena, &batch->members[i], &response);
        if (making.rc == 0)
            making.rc = gw_value_add_item(&responses, response);
        all_hold &= batch->members[i].error == GW_CONNECTOR_OK;
    }
    add(&making, GW_STR("ok"), gw_value_bool(all_hold));
    add(&making, GW_STR("responses"), gw_value_built_array(&responses));
    if (making.rc == 0)
        *out_result = gw_value_built_object(&making.builder);
    return making.rc;
}
