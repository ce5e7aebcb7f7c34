/* From the backend's answer to what is kept. */
#include <errno.h>

#include "policies/cache/http_date.h"
#include "policies/cache/visit.h"
#include "server/core/clock.h"

/* --- tags --- */

static void add_slot(struct cache_draft *draft, uint16_t slot, bool *is_full)
{
    for (size_t i = 0; i < draft->tag_count; i++) {
        if (draft->tags[i] == slot)
            return;
    }
    if (draft->tag_count == CACHE_MAX_TAGS)
        *is_full = true;
    else
        draft->tags[draft->tag_count++] = slot;
}

static void add_tag(struct cache_draft *draft, struct gw_str tag, bool *is_full)
{
    if (tag.len > 0)
        add_slot(draft, cache_tag_slot(gw_purge_hash(tag)), is_full);
}

static struct gw_str make_tag(struct gw_exchange *ex, const struct gw_cache_tag *tag)
{
    struct gw_buf text;

    gw_buf_init(&text, 4096);
    for (size_t i = 0; i < tag->part_count; i++) {
        const struct gw_path_part *part = &tag->parts[i];
        gw_buf_append_str(
            &text, part->parameter == SIZE_MAX ? part->text : ex->path_parameters[part->parameter]);
    }
    struct gw_str made = gw_arena_copy(&ex->arena, gw_buf_str(&text));
    if (text.has_failed)
        made.ptr = NULL;
    gw_buf_finish(&text);
    return made;
}

/* Cache-Tag: a, b    Surrogate-Key: a b */
static void add_given_tags(const struct gw_exchange *ex, struct cache_draft *draft, bool *is_full)
{
    for (size_t i = 0; i < ex->response.field_count; i++) {
        const struct gw_field *field = &ex->response.fields[i];
        bool is_tag = gw_str_equal_nocase(field->name, GW_STR("Cache-Tag"));
        struct gw_str rest = field->value;
        struct gw_str part;
        if (!is_tag && !gw_str_equal_nocase(field->name, GW_STR("Surrogate-Key")))
            continue;
        while (gw_str_split(&rest, is_tag ? ',' : ' ', &part))
            add_tag(draft, gw_str_trim(part), is_full);
    }
}

/* False: it has tags that could not be purged by, so it is not kept. */
static bool add_tags(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    struct gw_str path = cache_path_tag(ex);
    bool is_full = path.ptr == NULL;

    add_tag(&visit->draft, path, &is_full);
    for (size_t i = 0; i < visit->rule->tag_count; i++) {
        struct gw_str tag = make_tag(ex, &visit->rule->tags[i]);
        is_full = is_full || tag.ptr == NULL;
        add_tag(&visit->draft, tag, &is_full);
    }
    add_given_tags(ex, &visit->draft, &is_full);
    return !is_full;
}

/* --- the draft --- */

static void give_up(struct cache_visit *visit)
{
    visit->is_filling = false;
    gw_buf_finish(&visit->body);
    cache_collapse_mark(&visit->memory->collapse, &visit->key);
    cache_visit_end_flight(visit, CACHE_WAKE_ALONE);
}

static bool join_vary(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    struct gw_str vary = GW_STR("");

    for (size_t i = 0; i < visit->draft.field_count; i++) {
        const struct gw_field *field = &visit->draft.fields[i];
        if (!gw_str_equal_nocase(field->name, GW_STR("Vary")))
            continue;
        vary = vary.len == 0 ? field->value
                             : gw_arena_printf(&ex->arena, "%.*s,%.*s", GW_STR_ARG(vary),
                                               GW_STR_ARG(field->value));
        if (vary.ptr == NULL)
            return false;
    }
    visit->draft.vary = vary;
    return cache_vary_is_usable(vary) &&
           cache_variant_make(&visit->memory->keyer, ex, vary, &visit->draft.variant) == 0;
}

/* The fields as they are now: other policies will change them. Age counts from Date. */
static bool copy_fields(struct cache_visit *visit, const struct gw_field *given, size_t count)
{
    struct gw_exchange *ex = visit->ex;
    struct gw_field *fields = gw_arena_calloc(&ex->arena, count + 1, sizeof(*fields));
    char date[HTTP_DATE_BYTES];

    if (fields == NULL)
        return false;
    memcpy(fields, given, count * sizeof(*fields));
    if (gw_field_find(fields, count, GW_STR("Date")) == NULL) {
        http_date_print(cache_now_wall_s(ex), date);
        fields[count] =
            (struct gw_field){GW_STR("Date"), gw_arena_copy(&ex->arena, gw_str_of(date))};
        if (fields[count++].value.ptr == NULL)
            return false;
    }
    visit->draft.fields = fields;
    visit->draft.field_count = count;
    return true;
}

/* False: it cannot be kept. */
static bool make_draft(struct cache_visit *visit, int status, const struct gw_field *fields,
                       size_t field_count)
{
    struct gw_exchange *ex = visit->ex;
    const struct cache_wish wish = {
        .is_shared = visit->rule->is_shared,
        .ttl_s = visit->rule->ttl_s,
        .stale_while_revalidate_s = visit->rule->stale_while_revalidate_s,
        .stale_if_error_s = visit->rule->stale_if_error_s,
    };
    const struct cache_subject subject = {
        .status = status,
        .fields = fields,
        .field_count = field_count,
        .is_authorised = ex->credential_count > 0 || ex->identity.consumer.len > 0 ||
                         gw_request_field(ex, GW_STR("Authorization")) != NULL,
        .asked_s = (int64_t)(ex->wall_ns / GW_NS_PER_SECOND),
        .came_s = cache_now_wall_s(ex),
    };

    visit->draft = (struct cache_draft){
        .key = visit->key,
        .status = status,
        .came_ns = cache_now_ns(ex),
        .known = visit->known,
        .epoch = visit->epoch,
    };
    return cache_terms_of(&subject, &wish, &visit->draft.terms) &&
           copy_fields(visit, fields, field_count) && join_vary(visit) && add_tags(visit);
}

/* Whether those who wait could use it. */
static bool is_for_waiters(const struct cache_visit *visit)
{
    const struct cache_terms *terms = &visit->draft.terms;
    return !terms->no_cache && terms->lifetime_s > terms->age_s;
}

/* --- keeping --- */

static void publish_size(struct cache_visit *visit, uint64_t evictions)
{
    const struct cache_store *store = &visit->memory->store;
    struct gw_worker *worker = visit->ex->worker;

    gw_metrics_add(worker->metrics, &cache_metric_evictions, store->evictions - evictions);
    gw_metrics_set(worker->metrics, &cache_metric_bytes, store->bytes);
    gw_metrics_set(worker->metrics, &cache_metric_entries, store->count);
}

/* NULL without memory; else with a reference. */
static struct cache_entry *keep(struct cache_visit *visit, struct gw_str body)
{
    struct cache_store *store = &visit->memory->store;
    uint64_t evictions = store->evictions;

    visit->draft.body = body;
    struct cache_entry *entry = cache_entry_create(&visit->draft);
    if (entry != NULL && cache_store_add(store, entry)) {
        cache_count(visit->ex, &cache_metric_stored);
        cache_second_put(&visit->memory->second, entry, cache_now_wall_ns(visit->ex));
    }
    publish_size(visit, evictions);
    return entry;
}

static void finish_fill(struct cache_visit *visit, struct gw_str body)
{
    visit->is_filling = false;
    cache_entry_release(keep(visit, body));
    gw_buf_finish(&visit->body);
    cache_visit_end_flight(visit, CACHE_WAKE_LOOK);
}

/* len 0 is the end that the backend meant; an answer that breaks off has none. A stated length is
 * an end, too: nobody asks for more behind it. */
static void on_bytes(void *self, struct gw_exchange *ex, struct gw_str bytes)
{
    struct cache_visit *visit = self;

    (void)ex;
    if (!visit->is_filling)
        return;
    gw_buf_append_str(&visit->body, bytes);
    bool is_whole = visit->expected_bytes < 0 ? bytes.len == 0
                                              : visit->body.len == (size_t)visit->expected_bytes;
    if (visit->body.has_failed || (bytes.len == 0 && !is_whole))
        give_up(visit);
    else if (is_whole)
        finish_fill(visit, gw_buf_str(&visit->body));
}

/* Collects the body on its way. */
static bool start_fill(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    int64_t bytes = ex->response.body_bytes;

    if (bytes > 0 && (uint64_t)bytes > visit->cache->max_object_bytes)
        return false;
    visit->expected_bytes = bytes > 0 ? bytes : -1;
    gw_buf_init(&visit->body, visit->cache->max_object_bytes);
    visit->is_filling = gw_exchange_tap_response(ex, on_bytes, visit) == 0;
    return visit->is_filling;
}

/* --- 304 to our question --- */

/* RFC 9111, section 3.2: what a 304 does not change. */
static bool is_of_body(struct gw_str name)
{
    return gw_str_has_prefix_nocase(name, GW_STR("Content-")) &&
           !gw_str_equal_nocase(name, GW_STR("Content-Location"));
}

static size_t merge_fields(const struct cache_visit *visit, struct gw_field *out)
{
    const struct gw_response *answer = &visit->ex->response;
    const struct cache_entry *old = visit->stale;
    size_t count = 0;

    for (size_t i = 0; i < old->field_count; i++) {
        struct gw_str name = old->fields[i].name;
        if (is_of_body(name) || gw_field_find(answer->fields, answer->field_count, name) == NULL)
            out[count++] = old->fields[i];
    }
    for (size_t i = 0; i < answer->field_count; i++) {
        if (!is_of_body(answer->fields[i].name))
            out[count++] = answer->fields[i];
    }
    return count;
}

static enum gw_verdict freshen(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    struct cache_entry *old = visit->stale;
    struct gw_field *fields =
        gw_arena_calloc(&ex->arena, old->field_count + ex->response.field_count, sizeof(*fields));

    if (fields == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    size_t count = merge_fields(visit, fields);
    bool is_full = false;
    bool is_kept = make_draft(visit, old->status, fields, count);
    for (size_t i = 0; i < old->tag_count; i++)
        add_slot(&visit->draft, old->tags[i], &is_full);
    is_kept = is_kept && !is_full;
    struct cache_entry *entry = is_kept ? keep(visit, old->body) : NULL;
    if (!is_kept)
        cache_store_remove(&visit->memory->store, old);
    cache_count(ex, &cache_metric_validated);
    (void)cache_serve(visit, entry != NULL ? entry : old,
                      is_kept ? "fwd=stale; fwd-status=304; stored" : "fwd=stale; fwd-status=304");
    cache_entry_release(entry);
    cache_visit_end_flight(visit,
                           is_kept && is_for_waiters(visit) ? CACHE_WAKE_LOOK : CACHE_WAKE_ALONE);
    return GW_NEXT;
}

/* --- the answer --- */

static bool is_failure(int status)
{
    return status == 500 || (status >= 502 && status <= 504); /* RFC 5861, section 4 */
}

/* The caller's own condition was not sent on, so that there would be a whole answer to keep. */
static void answer_condition(const struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    const struct gw_str *etag = gw_response_field(ex, GW_STR("ETag"));
    const struct gw_str *modified = gw_response_field(ex, GW_STR("Last-Modified"));

    if (ex->response.status != 200 || ex->response.source != NULL ||
        !conditions_are_met(&visit->conditions, etag == NULL ? GW_STR("") : *etag,
                            modified == NULL ? GW_STR("") : *modified, cache_now_wall_s(ex)))
        return;
    ex->response.status = 304;
    ex->response.body_bytes = (int64_t)ex->response.body.len;
    ex->response.body = GW_STR("");
}

static bool try_to_keep(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;

    if (ex->request.method != GW_METHOD_GET || ex->record.upstream_status != ex->response.status ||
        !make_draft(visit, ex->response.status, ex->response.fields, ex->response.field_count))
        return false;
    if (!is_for_waiters(visit)) {
        cache_collapse_mark(&visit->memory->collapse, &visit->key);
        cache_visit_end_flight(visit, CACHE_WAKE_ALONE);
    }
    if (ex->response.source != NULL)
        return start_fill(visit);
    if (ex->response.body.len > visit->cache->max_object_bytes)
        return false;
    finish_fill(visit, ex->response.body);
    return true;
}

enum gw_verdict cache_take_answer(struct cache_visit *visit)
{
    struct gw_exchange *ex = visit->ex;
    int status = ex->response.status;
    int64_t now_ns = cache_now_ns(ex);

    if (status == 304 && visit->is_validating)
        return freshen(visit);
    if (is_failure(status) && visit->stale != NULL &&
        cache_may_stand_in(&visit->stale->terms, cache_entry_age_s(visit->stale, now_ns),
                           &visit->control)) {
        cache_count(ex, &cache_metric_stale);
        (void)cache_serve(visit, visit->stale, "fwd=stale; detail=stale-if-error");
        cache_visit_end_flight(visit, CACHE_WAKE_ALONE);
        return GW_NEXT;
    }
    bool is_kept = try_to_keep(visit);
    if (!is_kept && visit->stale != NULL && status < 500 && ex->request.method == GW_METHOD_GET)
        cache_store_remove(&visit->memory->store, visit->stale); /* it is not so any more */
    if (!is_kept && status != 304 && status < 500)
        cache_collapse_mark(&visit->memory->collapse, &visit->key);
    if (!is_kept)
        cache_visit_end_flight(visit, status == 304 ? CACHE_WAKE_LEAD : CACHE_WAKE_ALONE);
    struct gw_str text =
        gw_arena_printf(&ex->arena, "fwd=%s%s%s", visit->forwarded, is_kept ? "; stored" : "",
                        visit->is_collapsed ? "; collapsed" : "");
    if (text.ptr != NULL)
        cache_add_status(ex, text.ptr);
    answer_condition(visit);
    return GW_NEXT;
}
