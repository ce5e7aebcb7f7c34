#include "server/connector/odata/answer.h"

#include <errno.h>

#include "server/connector/odata/date.h"
#include "server/core/arena.h"

/* One reading. A sticky code keeps the walk short: all that builds goes on doing nothing. */
struct reading {
    struct gw_arena *arena;
    const struct odata_settings *settings;
    int rc;
};

static struct gw_value shaped(struct reading *reading, const struct gw_value *value);

static void add(struct reading *reading, struct gw_value_builder *builder, struct gw_str name,
                struct gw_value value)
{
    if (reading->rc == 0)
        reading->rc = gw_value_add_member(builder, name, value);
}

/* --- V4 --------------------------------------------------------------------------------------- */

static bool is_etag_name(struct gw_str name)
{
    return gw_str_equal(name, GW_STR("@odata.etag")) || gw_str_equal(name, GW_STR("@etag"));
}

/* "to_Item@odata.nextLink": of that list not all is here. */
static bool is_cut_mark(struct gw_str name)
{
    return gw_str_has_suffix(name, GW_STR("@odata.nextLink")) ||
           gw_str_has_suffix(name, GW_STR("@nextLink"));
}

static void take_v4_member(struct reading *reading, const struct gw_value_member *member,
                           struct gw_value_builder *builder)
{
    if (is_etag_name(member->name))
        add(reading, builder, GW_STR("@etag"), member->value);
    else if (is_cut_mark(member->name) && member->name.ptr[0] != '@')
        add(reading, builder, GW_STR("@incomplete"), gw_value_bool(true));
    else if (gw_str_find(member->name, '@') == member->name.len)
        add(reading, builder, member->name, shaped(reading, &member->value));
}

/* --- V2 --------------------------------------------------------------------------------------- */

static bool is_deferred(const struct gw_value *value)
{
    return value->type == GW_JSON_OBJECT && value->count == 1 &&
           gw_value_member(value, GW_STR("__deferred")) != NULL;
}

static void take_v2_member(struct reading *reading, const struct gw_value_member *member,
                           struct gw_value_builder *builder)
{
    const struct gw_value *results = gw_value_member(&member->value, GW_STR("results"));

    if (gw_str_equal(member->name, GW_STR("__metadata"))) {
        struct gw_str etag = gw_value_member_text(&member->value, GW_STR("etag"));
        if (etag.len > 0)
            add(reading, builder, GW_STR("@etag"), gw_value_string(etag));
        return;
    }
    if (is_deferred(&member->value))
        return;
    if (results == NULL || results->type != GW_JSON_ARRAY) {
        add(reading, builder, member->name, shaped(reading, &member->value));
        return;
    }
    add(reading, builder, member->name, shaped(reading, results));
    if (gw_value_member(&member->value, GW_STR("__next")) != NULL)
        add(reading, builder, GW_STR("@incomplete"), gw_value_bool(true));
}

static struct gw_value shaped_text(struct reading *reading, const struct gw_value *value)
{
    struct gw_str text = GW_STR("");
    int rc = -ENOENT;

    if (reading->settings->version == ODATA_V2)
        rc = odata_date_read(reading->arena, value->text, reading->settings->midnight_is_date,
                             &text);
    if (rc == -ENOMEM)
        reading->rc = rc;
    return rc == 0 ? gw_value_string(text) : *value;
}

/* --- both ------------------------------------------------------------------------------------- */

static struct gw_value shaped_object(struct reading *reading, const struct gw_value *value)
{
    struct gw_value_builder builder = {.arena = reading->arena};

    for (uint32_t i = 0; i < value->count && reading->rc == 0; i++)
        if (reading->settings->version == ODATA_V2)
            take_v2_member(reading, &value->members[i], &builder);
        else
            take_v4_member(reading, &value->members[i], &builder);
    return gw_value_built_object(&builder);
}

static struct gw_value shaped_array(struct reading *reading, const struct gw_value *value)
{
    struct gw_value_builder builder = {.arena = reading->arena};

    for (uint32_t i = 0; i < value->count && reading->rc == 0; i++)
        reading->rc = gw_value_add_item(&builder, shaped(reading, &value->items[i]));
    return gw_value_built_array(&builder);
}

/* As deep as the reader of JSON lets it be. */
static struct gw_value shaped(struct reading *reading, const struct gw_value *value)
{
    switch (value->type) {
    case GW_JSON_OBJECT:
        return shaped_object(reading, value);
    case GW_JSON_ARRAY:
        return shaped_array(reading, value);
    case GW_JSON_STRING:
        return shaped_text(reading, value);
    default:
        return *value;
    }
}

/* --- envelopes -------------------------------------------------------------------------------- */

/* What of an answer is content, and what is said about it. */
struct envelope {
    const struct gw_value *content;
    const struct gw_value *count; /* or NULL */
    const struct gw_value *next;  /* or NULL */
};

static const struct gw_value *either(const struct gw_value *value, const char *name,
                                     const char *other)
{
    const struct gw_value *member = gw_value_member(value, gw_str_of(name));

    return member != NULL ? member : gw_value_member(value, gw_str_of(other));
}

/* {"@odata.context": "...", "value": X}, where X is a collection or a single value. */
static bool is_wrapped(const struct gw_value *value)
{
    bool has_context = false;

    for (uint32_t i = 0; i < value->count; i++) {
        struct gw_str name = value->members[i].name;
        if (gw_str_equal(name, GW_STR("@odata.context")) || gw_str_equal(name, GW_STR("@context")))
            has_context = true;
        if (!gw_str_equal(name, GW_STR("value")) && !gw_str_has_prefix(name, GW_STR("@")))
            return false;
    }
    return has_context && gw_value_member(value, GW_STR("value")) != NULL;
}

static void open_v4(const struct gw_value *value, enum odata_shape shape, struct envelope *envelope)
{
    if (shape == ODATA_LIST || (shape == ODATA_ANY && is_wrapped(value))) {
        envelope->content = gw_value_member(value, GW_STR("value"));
        envelope->count = either(value, "@odata.count", "@count");
        envelope->next = either(value, "@odata.nextLink", "@nextLink");
    } else {
        envelope->content = value;
    }
}

/* {"d": ...}; lists are {"results": [...]}, in the oldest servers a bare array; what an operation
 * returns may stand below its name. */
static void open_v2(const struct gw_value *value, struct gw_str name, struct envelope *envelope)
{
    const struct gw_value *inner = gw_value_member(value, GW_STR("d"));
    const struct gw_value *named = name.len > 0 ? gw_value_member(inner, name) : NULL;

    if (named != NULL && inner->count == 1)
        inner = named;
    const struct gw_value *results = gw_value_member(inner, GW_STR("results"));
    envelope->content = inner;
    if (results == NULL || results->type != GW_JSON_ARRAY)
        return;
    envelope->content = results;
    envelope->count = gw_value_member(inner, GW_STR("__count"));
    envelope->next = gw_value_member(inner, GW_STR("__next"));
}

static struct gw_value count_of(const struct gw_value *count)
{
    uint64_t number;

    if (count == NULL || (count->type != GW_JSON_NUMBER && count->type != GW_JSON_STRING) ||
        gw_str_to_u64(count->text, &number) != 0 ||
        (count->text.len > 1 && count->text.ptr[0] == '0'))
        return gw_value_null();
    return gw_value_number(count->text);
}

static struct gw_str last_segment(struct gw_str path)
{
    size_t at = path.len;

    while (at > 0 && path.ptr[at - 1] != '/')
        at--;
    return gw_str_tail(path, at);
}

/* Only the query of a link counts: it goes to the path that was asked before, wherever a server's
 * (or a proxy's) idea of its own address would lead. A link to another resource is none. */
static int take_next(const struct odata_request *request, const struct gw_value *link,
                     struct gw_str *out_next, struct gw_error *error)
{
    if (link == NULL || link->type == GW_JSON_NULL)
        return 0;
    if (link->type != GW_JSON_STRING)
        return gw_error_set(error, -EBADMSG, "the link to the next page is no text");
    size_t mark = gw_str_find(link->text, '?');
    struct gw_str target = last_segment(gw_str_from(link->text.ptr, mark));
    if (target.len > 0 && !gw_str_equal(target, last_segment(request->path)))
        return gw_error_set(error, -EBADMSG, "the link to the next page leads elsewhere: %.*s",
                            GW_STR_ARG(target));
    *out_next = gw_str_tail(link->text, mark < link->text.len ? mark + 1 : mark);
    for (size_t i = 0; i < out_next->len; i++)
        if (out_next->ptr[i] <= 0x20 || (unsigned char)out_next->ptr[i] >= 0x7f ||
            out_next->ptr[i] == '#')
            return gw_error_set(error, -EBADMSG, "the link to the next page is no URL");
    return out_next->len > 0
               ? 0
               : gw_error_set(error, -EBADMSG, "the link to the next page has no query");
}

static bool are_entities(const struct gw_value *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].type != GW_JSON_OBJECT)
            return false;
    }
    return true;
}

static const char *flaw_of(enum odata_shape shape, const struct gw_value *content)
{
    if (content == NULL)
        return "the answer is not an OData one";
    if (shape == ODATA_LIST && content->type != GW_JSON_ARRAY)
        return "the answer is not an OData list";
    if (shape == ODATA_LIST && !are_entities(content))
        return "an item of the answer is not an OData entity";
    if (shape == ODATA_ENTITY && content->type != GW_JSON_OBJECT)
        return "the answer is not an OData entity";
    return NULL;
}

int odata_answer_take(struct gw_arena *arena, const struct odata_settings *settings,
                      const struct odata_request *request, struct gw_str name,
                      const struct gw_value *value, struct odata_answer *out_answer,
                      struct gw_error *error)
{
    struct reading reading = {.arena = arena, .settings = settings};
    struct odata_answer answer = {.count = gw_value_null()};
    struct envelope envelope = {0};

    if (settings->version == ODATA_V2)
        open_v2(value, name, &envelope);
    else if (value->type == GW_JSON_OBJECT)
        open_v4(value, request->shape, &envelope);
    const char *flaw = flaw_of(request->shape, envelope.content);
    if (flaw != NULL)
        return gw_error_set(error, -EBADMSG, "%s", flaw);
    int rc = take_next(request, envelope.next, &answer.next, error);
    if (rc != 0)
        return rc;
    answer.count = count_of(envelope.count);
    answer.value = shaped(&reading, envelope.content);
    if (reading.rc == 0)
        *out_answer = answer;
    return reading.rc;
}

/* A V4 service says of an entity what it is (JSON format, section 4.6.1): any other object would
 * pass for one without properties, and what stands before a service for a write that was done. */
static bool is_foreign(const struct odata_settings *settings, const struct odata_request *request,
                       const struct gw_value *value)
{
    if (settings->version != ODATA_V4 || request->shape != ODATA_ENTITY ||
        value->type != GW_JSON_OBJECT)
        return false;
    return either(value, "@odata.context", "@context") == NULL &&
           either(value, "@odata.etag", "@etag") == NULL;
}

int odata_answer_of(struct gw_arena *arena, const struct odata_settings *settings,
                    const struct odata_request *request, struct gw_str name,
                    const struct gw_value *value, struct odata_answer *out_answer,
                    struct gw_error *error)
{
    if (is_foreign(settings, request, value))
        return gw_error_set(error, -EBADMSG, "the answer is not an OData entity");
    return odata_answer_take(arena, settings, request, name, value, out_answer, error);
}

int odata_answer_read(struct gw_arena *arena, const struct odata_settings *settings,
                      const struct odata_request *request, struct gw_str name, struct gw_str text,
                      struct odata_answer *out_answer, struct gw_error *error)
{
    const struct gw_json_limits limits = {
        .max_bytes = settings->max_answer_bytes,
        .max_depth = ODATA_MAX_DEPTH,
    };
    struct gw_json_error flaw;
    struct gw_value value;

    if (text.len == 0 && request->shape != ODATA_LIST) {
        *out_answer = (struct odata_answer){.value = gw_value_null(), .count = gw_value_null()};
        return 0;
    }
    int rc = gw_value_read(arena, text, &limits, &value, &flaw);
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0)
        return gw_error_set(error, -EBADMSG,
                            "the answer is no JSON that can be read: %s (byte %zu)", flaw.text,
                            flaw.byte);
    return odata_answer_of(arena, settings, request, name, &value, out_answer, error);
}

/* --- results ---------------------------------------------------------------------------------- */

int odata_answer_make_list(struct gw_arena *arena, const struct odata_answer *answer,
                           struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = arena};
    int rc = gw_value_add_member(&builder, GW_STR("items"), answer->value);

    if (rc == 0 && answer->count.type == GW_JSON_NUMBER)
        rc = gw_value_add_member(&builder, GW_STR("count"), answer->count);
    if (rc == 0 && answer->next.len > 0)
        rc = gw_value_add_member(&builder, GW_STR("next"), gw_value_string(answer->next));
    if (rc == 0)
        *out_value = gw_value_built_object(&builder);
    return rc;
}

int odata_answer_tag(struct gw_arena *arena, struct gw_str etag, struct gw_value *entity)
{
    struct gw_value_builder builder = {.arena = arena};
    int rc = 0;

    if (etag.len == 0 || entity->type != GW_JSON_OBJECT ||
        gw_value_member(entity, GW_STR("@etag")) != NULL)
        return 0;
    for (uint32_t i = 0; i < entity->count && rc == 0; i++)
        rc = gw_value_add_member(&builder, entity->members[i].name, entity->members[i].value);
    if (rc == 0)
        rc = gw_value_add_member(&builder, GW_STR("@etag"), gw_value_string(etag));
    if (rc == 0)
        *entity = gw_value_built_object(&builder);
    return rc;
}
