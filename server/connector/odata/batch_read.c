/* The argument `requests` of odata.batch. */
#include <errno.h>

#include "server/connector/odata/batch.h"
#include "server/core/arena.h"

static int set_id(const struct odata_builder *inner, size_t index, struct odata_member *member)
{
    int rc = odata_argument_text(inner, "id", &member->id);

    if (rc != 0)
        return rc;
    if (member->id.len == 0) {
        member->id = gw_arena_printf(inner->arena, "r%zu", index + 1);
        return member->id.ptr != NULL ? 0 : -ENOMEM;
    }
    return odata_is_name(member->id) ? 0
                                     : gw_error_set(inner->error, -EINVAL,
                                                    "\"%.*s\" is no id: a letter, then letters, "
                                                    "digits and '_'",
                                                    GW_STR_ARG(member->id));
}

static int set_dependence(const struct odata_builder *inner, struct odata_member *member)
{
    const struct gw_value *list = odata_argument(inner, "dependsOn");

    if (list != NULL && list->type != GW_JSON_ARRAY)
        return gw_error_set(inner->error, -EINVAL, "dependsOn must be a list of ids");
    member->depends_on = list;
    return 0;
}

static int read_member(const struct odata_builder *inner, size_t index, struct odata_member *member)
{
    struct gw_str function;
    int rc = set_id(inner, index, member);

    if (rc == 0)
        rc = odata_argument_text(inner, "group", &member->group);
    if (rc == 0 && member->group.len > 0 && !odata_is_name(member->group))
        rc = gw_error_set(inner->error, -EINVAL, "\"%.*s\" is no name of a group",
                          GW_STR_ARG(member->group));
    if (rc == 0)
        rc = set_dependence(inner, member);
    if (rc == 0)
        rc = odata_argument_text(inner, "function", &function);
    if (rc != 0)
        return rc;
    member->name = gw_value_member_text(inner->arguments, GW_STR("name"));
    rc = odata_request_build(inner, function, &member->request);
    if (rc == -ENOENT)
        return gw_error_set(inner->error, -EINVAL, "\"%.*s\" is no function of a batch",
                            GW_STR_ARG(function));
    return rc;
}

static const struct odata_member *find(const struct odata_batch *batch, size_t end,
                                       struct gw_str id)
{
    for (size_t i = 0; i < end; i++)
        if (gw_str_equal(batch->members[i].id, id))
            return &batch->members[i];
    return NULL;
}

static bool has_group_before(const struct odata_batch *batch, size_t index)
{
    struct gw_str group = batch->members[index].group;

    for (size_t i = 0; i + 1 < index; i++)
        if (gw_str_equal(batch->members[i].group, group))
            return !gw_str_equal(batch->members[index - 1].group, group);
    return false;
}

/* "/$order/to_Item" refers to a member that must stand before it. */
static struct gw_str reference_of(const struct odata_member *member)
{
    struct gw_str path = member->request.path;

    if (path.len < 2 || path.ptr[1] != '$')
        return gw_str_from(NULL, 0);
    path = gw_str_tail(path, 2);
    return gw_str_from(path.ptr, gw_str_find(path, '/'));
}

static int check_references(const struct odata_builder *builder, const struct odata_batch *batch,
                            size_t index)
{
    const struct odata_member *member = &batch->members[index];
    struct gw_str referred = reference_of(member);

    if (referred.len > 0 && find(batch, index, referred) == NULL)
        return gw_error_set(builder->error, -EINVAL, "%.*s: no member \"%.*s\" stands before it",
                            GW_STR_ARG(member->id), GW_STR_ARG(referred));
    for (uint32_t i = 0; member->depends_on != NULL && i < member->depends_on->count; i++) {
        const struct gw_value *id = &member->depends_on->items[i];
        if (id->type != GW_JSON_STRING || find(batch, index, id->text) == NULL)
            return gw_error_set(builder->error, -EINVAL,
                                "%.*s: dependsOn names no member before it",
                                GW_STR_ARG(member->id));
    }
    return 0;
}

static int check_member(const struct odata_builder *builder, const struct odata_batch *batch,
                        size_t index)
{
    const struct odata_member *member = &batch->members[index];

    if (find(batch, index, member->id) != NULL)
        return gw_error_set(builder->error, -EINVAL, "the id \"%.*s\" stands twice",
                            GW_STR_ARG(member->id));
    if (member->group.len > 0 && !member->request.is_write)
        return gw_error_set(builder->error, -EINVAL, "%.*s: a group has writes only",
                            GW_STR_ARG(member->id));
    if (member->group.len > 0 && has_group_before(batch, index))
        return gw_error_set(builder->error, -EINVAL,
                            "the members of group \"%.*s\" must stand "
                            "behind each other",
                            GW_STR_ARG(member->group));
    return check_references(builder, batch, index);
}

static void measure(struct odata_batch *batch)
{
    size_t units = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct odata_member *member = &batch->members[i];
        bool is_next = i > 0 && member->group.len > 0 &&
                       gw_str_equal(member->group, batch->members[i - 1].group);
        units += !is_next;
        batch->has_writes |= member->request.is_write;
    }
    batch->can_be_partial = batch->has_writes && units > 1;
}

int odata_batch_read(const struct odata_builder *builder, struct odata_batch *out_batch)
{
    const struct gw_value *requests = odata_argument(builder, "requests");
    struct odata_batch batch = {0};

    if (requests == NULL || requests->type != GW_JSON_ARRAY || requests->count == 0 ||
        requests->count > ODATA_MAX_MEMBERS)
        return gw_error_set(builder->error, -EINVAL, "requests must be a list of 1 to %d",
                            ODATA_MAX_MEMBERS);
    batch.members = gw_arena_calloc(builder->arena, requests->count, sizeof(*batch.members));
    if (batch.members == NULL)
        return -ENOMEM;
    for (batch.count = 0; batch.count < requests->count; batch.count++) {
        struct odata_builder inner = *builder;
        inner.arguments = &requests->items[batch.count];
        inner.in_batch = true;
        int rc = read_member(&inner, batch.count, &batch.members[batch.count]);
        if (rc == 0)
            rc = check_member(builder, &batch, batch.count);
        if (rc != 0)
            return rc == -EINVAL ? gw_error_prefix(builder->error, rc, "requests[%zu]", batch.count)
                                 : rc;
    }
    measure(&batch);
    *out_batch = batch;
    return 0;
}
