/* odata.create: sent at once, or after a look for what an earlier attempt has left. */
#include <errno.h>

#include "server/connector/odata/adopt.h"
#include "server/connector/odata/functions.h"
#include "server/connector/odata/single.h"

struct create {
    struct gw_value arguments; /* with the key among the body's members */
    struct odata_adoption adoption;
    struct odata_request request, search;
    const struct odata_reply *refusal; /* that made us search; NULL: nothing was sent yet */
    bool is_looking;                   /* only to tell what is there */
};

static void on_created(struct odata_run *run, const struct odata_reply *reply);

static struct odata_builder builder_of(struct odata_run *run, const struct gw_value *arguments,
                                       struct gw_error *error)
{
    return (struct odata_builder){
        .arena = run->call->arena,
        .settings = &run->odata->settings,
        .arguments = arguments,
        .error = error,
    };
}

static void fail_by(struct odata_run *run, int rc, const struct gw_error *error)
{
    if (rc == -ENOMEM)
        odata_run_fail_memory(run);
    else
        odata_run_fail(run, GW_CONNECTOR_WRONG, 0, error->text);
}

/* --- finding ---------------------------------------------------------------------------------- */

/* Two are enough to know that it is not one. */
static int search_arguments(struct odata_run *run, struct gw_value filter,
                            const struct gw_value *entity, struct gw_value *out_arguments)
{
    struct gw_value_builder builder = {.arena = run->call->arena};
    const struct gw_value *given = &run->call->arguments;
    static const char *const copied[] = {"key", "navigation"};
    const struct gw_value *place =
        entity != NULL ? entity : gw_value_member(given, GW_STR("entity"));
    int rc = place != NULL ? gw_value_add_member(&builder, GW_STR("entity"), *place) : 0;

    for (size_t i = 0; i < GW_COUNT_OF(copied) && rc == 0 && entity == NULL; i++) {
        const struct gw_value *member = gw_value_member(given, gw_str_of(copied[i]));
        if (member != NULL)
            rc = gw_value_add_member(&builder, gw_str_of(copied[i]), *member);
    }
    if (rc == 0)
        rc = gw_value_add_member(&builder, GW_STR("filter"), filter);
    if (rc == 0)
        rc = gw_value_add_member(&builder, GW_STR("top"), gw_value_number(GW_STR("2")));
    if (rc == 0)
        *out_arguments = gw_value_built_object(&builder);
    return rc;
}

static void tell_found(struct odata_run *run, struct gw_value entity)
{
    struct gw_value_builder items = {.arena = run->call->arena};

    if (gw_value_add_item(&items, entity) == 0)
        odata_run_done(run, gw_value_built_array(&items));
    else
        odata_run_fail_memory(run);
}

/* What is there becomes the result, with "@adopted". */
static void adopt(struct odata_run *run, struct gw_value found)
{
    const struct create *create = run->state;
    struct gw_value_builder builder = {.arena = run->call->arena};
    int rc = 0;

    for (uint32_t i = 0; i < found.count && rc == 0; i++)
        rc = gw_value_add_member(&builder, found.members[i].name, found.members[i].value);
    if (rc == 0)
        rc = gw_value_add_member(&builder, GW_STR("@adopted"), gw_value_bool(true));
    if (rc != 0)
        odata_run_fail_memory(run);
    else if (create->is_looking)
        tell_found(run, gw_value_built_object(&builder));
    else
        odata_run_done(run, gw_value_built_object(&builder));
}

static void send_create(struct odata_run *run)
{
    struct create *create = run->state;

    odata_run_send(run, &create->request, on_created);
}

static void judge(struct odata_run *run, const struct gw_value *found)
{
    struct create *create = run->state;
    const struct gw_value *body = gw_value_member(&run->call->arguments, GW_STR("body"));

    if (create->is_looking && found->count != 1)
        odata_run_done(run, *found);
    else if (found->count == 0 && create->refusal == NULL)
        send_create(run);
    else if (found->count == 0) /* it was no duplicate that was refused */
        odata_run_refuse(run, create->refusal);
    else if (found->count > 1)
        odata_run_fail(run, GW_CONNECTOR_CONFLICT, 200, "several are there with this reference");
    else if (create->refusal != NULL && !create->adoption.is_derived &&
             !odata_adoption_fits(body, &found->items[0]))
        odata_run_fail(run, GW_CONNECTOR_CONFLICT, create->refusal->status,
                       "another one is there with this key");
    else
        adopt(run, found->items[0]);
}

static void on_found(struct odata_run *run, const struct odata_reply *reply)
{
    struct create *create = run->state;
    struct odata_answer answer;
    struct gw_error error;

    if (reply->error != GW_CONNECTOR_OK) {
        odata_run_refuse(run, reply);
        return;
    }
    int rc = odata_run_read(run, &create->search, gw_str_from(NULL, 0), reply, &answer, &error);
    if (rc == -ENOMEM)
        odata_run_fail_memory(run);
    else if (rc != 0)
        odata_run_fail(run, GW_CONNECTOR_RUBBISH, reply->status, error.text);
    else
        judge(run, &answer.value);
}

static void search(struct odata_run *run, struct gw_value filter, const struct gw_value *entity)
{
    struct create *create = run->state;
    struct gw_value arguments;
    struct gw_error error;
    int rc = search_arguments(run, filter, entity, &arguments);

    if (rc == 0) {
        const struct odata_builder builder = builder_of(run, &arguments, &error);
        rc = odata_request_build(&builder, GW_STR("list"), &create->search);
    }
    if (rc != 0)
        fail_by(run, rc, &error);
    else
        odata_run_send(run, &create->search, on_found);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void on_created(struct odata_run *run, const struct odata_reply *reply)
{
    struct create *create = run->state;

    if (reply->error != GW_CONNECTOR_CONFLICT || create->adoption.field.len == 0) {
        odata_single_finish(run, reply);
        return;
    }
    struct gw_value_builder builder = {.arena = run->call->arena};
    create->refusal = reply;
    if (gw_value_add_member(&builder, create->adoption.field, create->adoption.value) != 0)
        odata_run_fail_memory(run);
    else
        search(run, gw_value_built_object(&builder), NULL);
}

static int prepare(struct odata_run *run, struct gw_error *error)
{
    struct create *create = run->state;
    struct odata_builder builder = builder_of(run, &run->call->arguments, error);
    int rc = odata_adoption_read(&builder, run->call->effect_key, &create->adoption);

    if (rc == 0)
        rc = odata_adoption_arguments(&builder, &create->adoption, &create->arguments);
    if (rc != 0)
        return rc;
    builder.arguments = &create->arguments;
    /* A second one is refused by its key: it may be sent as often as it takes. */
    run->is_repeatable |= create->adoption.field.len > 0;
    return odata_request_build(&builder, GW_STR("create"), &create->request);
}

/* A filter of nothing, or by a reference that is empty, would adopt somebody else's. */
static const char *flaw_of_lookup(const struct gw_value *filter)
{
    if (filter == NULL)
        return "lookup lacks its filter";
    if (filter->type == GW_JSON_STRING && filter->text.len == 0)
        return "lookup.filter is empty";
    if (filter->type != GW_JSON_OBJECT)
        return NULL;
    for (uint32_t i = 0; i < filter->count; i++) {
        const struct gw_value *value = &filter->members[i].value;
        if (value->type == GW_JSON_NULL || (value->type == GW_JSON_STRING && value->text.len == 0))
            return "lookup.filter compares with nothing";
    }
    return filter->count == 0 ? "lookup.filter is empty" : NULL;
}

static void begin(void *self, struct gw_connector_call *call, bool is_looking)
{
    struct odata_run *run = odata_run_create(self, call, sizeof(struct create));
    struct gw_error error;

    if (run == NULL)
        return;
    const struct gw_value *lookup = gw_value_member(&call->arguments, GW_STR("lookup"));
    const struct gw_value *filter = gw_value_member(lookup, GW_STR("filter"));
    struct create *create = run->state;
    create->is_looking = is_looking;
    int rc = prepare(run, &error);
    if (rc != 0)
        fail_by(run, rc, &error);
    else if (lookup == NULL && !is_looking)
        send_create(run);
    else if (flaw_of_lookup(filter) != NULL)
        odata_run_fail(run, GW_CONNECTOR_WRONG, 0, flaw_of_lookup(filter));
    else
        search(run, *filter, gw_value_member(lookup, GW_STR("entity")));
}

void odata_create_begin(void *self, struct gw_connector_call *call)
{
    begin(self, call, false);
}

void odata_create_look_up(void *self, struct gw_connector_call *call)
{
    begin(self, call, true);
}
