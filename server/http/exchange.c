#include "server/http/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "server/http/identity_fields.h"

#define ARENA_BLOCK_BYTES (8 * 1024)

static const struct gw_str method_names[GW_METHOD_COUNT] = {
    [GW_METHOD_GET] = GW_STR_INIT("GET"),         [GW_METHOD_HEAD] = GW_STR_INIT("HEAD"),
    [GW_METHOD_POST] = GW_STR_INIT("POST"),       [GW_METHOD_PUT] = GW_STR_INIT("PUT"),
    [GW_METHOD_PATCH] = GW_STR_INIT("PATCH"),     [GW_METHOD_DELETE] = GW_STR_INIT("DELETE"),
    [GW_METHOD_OPTIONS] = GW_STR_INIT("OPTIONS"),
};

enum gw_method gw_method_parse(struct gw_str name)
{
    for (size_t i = 0; i < GW_METHOD_COUNT; i++) {
        if (gw_str_equal(name, method_names[i]))
            return (enum gw_method)i;
    }
    return GW_METHOD_OTHER;
}

struct gw_str gw_method_name(enum gw_method method)
{
    return method < GW_METHOD_COUNT ? method_names[method] : GW_STR("");
}

/* --- fields --- */

const struct gw_str *gw_request_field(const struct gw_exchange *ex, struct gw_str name)
{
    return gw_field_find(ex->request.fields, ex->request.field_count, name);
}

void gw_request_remove_field(struct gw_exchange *ex, struct gw_str name)
{
    struct gw_request *request = &ex->request;
    size_t kept = 0;

    for (size_t i = 0; i < request->field_count; i++) {
        if (!gw_field_is_alike(request->fields[i].name, name))
            request->fields[kept++] = request->fields[i];
    }
    request->field_count = kept;
}

int gw_request_add_field(struct gw_exchange *ex, struct gw_str name, struct gw_str value)
{
    struct gw_request *request = &ex->request;

    if (request->field_count == GW_MAX_REQUEST_FIELDS)
        return -ENOSPC;
    if (request->fields == NULL) {
        request->fields =
            gw_arena_alloc(&ex->arena, GW_MAX_REQUEST_FIELDS * sizeof(*request->fields));
        if (request->fields == NULL)
            return -ENOMEM;
    }
    request->fields[request->field_count++] = (struct gw_field){name, value};
    return 0;
}

/* RFC 9110, section 5.5: no CR, LF, NUL; we refuse all controls but tab. */
static bool is_field_value(struct gw_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

int gw_response_add_field(struct gw_exchange *ex, struct gw_str name, struct gw_str value)
{
    struct gw_response *response = &ex->response;

    assert(name.ptr[name.len] == '\0' && (value.len == 0 || value.ptr[value.len] == '\0'));
    if (name.len == 0 || !is_field_value(value) || !is_field_value(name))
        return -EINVAL;
    if (response->field_count == GW_MAX_RESPONSE_FIELDS)
        return -ENOSPC;
    if (response->fields == NULL) {
        response->fields =
            gw_arena_alloc(&ex->arena, GW_MAX_RESPONSE_FIELDS * sizeof(*response->fields));
        if (response->fields == NULL)
            return -ENOMEM;
    }
    response->fields[response->field_count++] = (struct gw_field){name, value};
    return 0;
}

void gw_response_remove_field(struct gw_exchange *ex, struct gw_str name)
{
    struct gw_response *response = &ex->response;
    size_t kept = 0;

    for (size_t i = 0; i < response->field_count; i++) {
        if (!gw_str_equal_nocase(response->fields[i].name, name))
            response->fields[kept++] = response->fields[i];
    }
    response->field_count = kept;
}

const struct gw_str *gw_response_field(const struct gw_exchange *ex, struct gw_str name)
{
    return gw_field_find(ex->response.fields, ex->response.field_count, name);
}

struct gw_identity *gw_exchange_add_credential(struct gw_exchange *ex)
{
    if (ex->credential_count == GW_MAX_CREDENTIALS)
        return NULL;
    struct gw_identity *credential = &ex->credentials[ex->credential_count++];
    memset(credential, 0, sizeof(*credential));
    return credential;
}

void gw_exchange_must_finish(struct gw_exchange *ex)
{
    ex->must_finish = true;
    if (ex->io != NULL && ex->io->must_finish != NULL)
        ex->io->must_finish(ex);
}

void gw_response_clear(struct gw_exchange *ex)
{
    ex->response = (struct gw_response){.fields = ex->response.fields};
}

/* --- progress --- */

static void wake(struct gw_exchange *ex)
{
    if (ex->io != NULL && ex->state != GW_EXCHANGE_GONE)
        ex->io->wake(ex);
}

void gw_exchange_respond(struct gw_exchange *ex)
{
    if (ex->state != GW_EXCHANGE_DECIDING)
        return;
    ex->state = GW_EXCHANGE_RESPONDING;
    wake(ex);
}

void gw_exchange_source_ready(struct gw_exchange *ex)
{
    if (ex->on_source_ready != NULL && ex->state == GW_EXCHANGE_DECIDING)
        ex->on_source_ready(ex);
    else
        wake(ex);
}

/* Offers what came early; what the sink does not take stays in front of later bytes. */
static void offer_preread(struct gw_exchange *ex)
{
    while (ex->preread.len > 0) {
        size_t taken = ex->sink->write(ex->sink_self, ex->preread.ptr, ex->preread.len);
        if (taken == 0)
            return;
        ex->preread = gw_str_tail(ex->preread, taken);
    }
}

/* All of the body is here: what the sink did not take yet, and the end, once. */
static void finish_sink(struct gw_exchange *ex)
{
    offer_preread(ex);
    if (ex->preread.len > 0 || ex->is_sink_ended)
        return;
    ex->is_sink_ended = true;
    ex->sink->end(ex->sink_self);
}

void gw_exchange_set_sink(struct gw_exchange *ex, const struct gw_body_sink *sink, void *self)
{
    ex->sink = sink;
    ex->sink_self = self;
    if (ex->is_body_over) {
        sink->overflow(self);
        return;
    }
    ex->is_body_ended = ex->is_body_ended || ex->request.body_bytes == 0;
    if (!ex->is_body_ended)
        offer_preread(ex);
    gw_exchange_sink_ready(ex);
}

void gw_exchange_sink_ready(struct gw_exchange *ex)
{
    if (ex->state == GW_EXCHANGE_GONE || ex->is_sink_ended)
        return;
    if (ex->sink != NULL && ex->is_body_ended)
        finish_sink(ex); /* the transport has nothing more to bring */
    else
        wake(ex);
}

/* Keeps bytes in the arena; the room doubles, so that a body of n bytes is copied O(log n) times.
 */
static bool keep(struct gw_exchange *ex, const char *bytes, size_t len, size_t max_bytes)
{
    size_t needed = ex->preread.len + len;

    if (needed > max_bytes)
        return false;
    if (len == 0)
        return true;
    if (needed > ex->preread_capacity) {
        bool is_known = ex->request.body_bytes > 0 && (uint64_t)ex->request.body_bytes <= max_bytes;
        size_t capacity = is_known ? (size_t)ex->request.body_bytes : needed * 2;
        if (capacity > max_bytes)
            capacity = max_bytes;
        if (capacity < needed)
            capacity = needed;
        char *room = gw_arena_alloc(&ex->arena, capacity + 1);
        if (room == NULL)
            return false;
        if (ex->preread.len > 0)
            memcpy(room, ex->preread.ptr, ex->preread.len);
        ex->preread.ptr = room;
        ex->preread_capacity = capacity;
    }
    memcpy((char *)ex->preread.ptr + ex->preread.len, bytes, len);
    ex->preread.len = needed;
    return true;
}

static void body_is_there(struct gw_exchange *ex)
{
    void (*on_body)(struct gw_exchange *) = ex->on_body;

    ex->on_body = NULL;
    if (!ex->is_body_over)
        ex->request.body = ex->preread;
    on_body(ex);
}

void gw_exchange_collect_body(struct gw_exchange *ex, size_t max_bytes,
                              void (*on_body)(struct gw_exchange *ex))
{
    ex->body_max_bytes = max_bytes;
    ex->on_body = on_body;
    ex->is_body_over = ex->preread.len > max_bytes ||
                       (ex->request.body_bytes > 0 && (uint64_t)ex->request.body_bytes > max_bytes);
    if (ex->is_body_over || ex->is_body_ended || ex->request.body_bytes == 0)
        body_is_there(ex);
    else
        wake(ex);
}

static void body_is_over(struct gw_exchange *ex)
{
    ex->is_body_over = true;
    if (ex->on_body != NULL)
        body_is_there(ex);
    else if (ex->sink != NULL)
        ex->sink->overflow(ex->sink_self);
}

size_t gw_exchange_feed(struct gw_exchange *ex, const char *bytes, size_t len)
{
    size_t max_bytes = ex->on_body != NULL ? ex->body_max_bytes : GW_PREREAD_BYTES;

    if (ex->is_body_over)
        return 0;
    if (ex->body_limit_bytes > 0 && ex->record.request_bytes + len > ex->body_limit_bytes) {
        body_is_over(ex);
        return 0;
    }
    if (ex->sink != NULL) {
        offer_preread(ex);
        len = ex->preread.len > 0 ? 0 : ex->sink->write(ex->sink_self, bytes, len);
    } else if (!keep(ex, bytes, len, max_bytes)) {
        if (ex->on_body != NULL)
            body_is_over(ex);
        return 0;
    }
    ex->record.request_bytes += len;
    return len;
}

void gw_exchange_feed_end(struct gw_exchange *ex)
{
    ex->is_body_ended = true;
    if (ex->on_body != NULL) {
        body_is_there(ex);
    } else if (ex->sink != NULL) {
        finish_sink(ex);
    }
}

void gw_exchange_abandon(struct gw_exchange *ex)
{
    if (ex->state == GW_EXCHANGE_GONE)
        return;
    ex->state = GW_EXCHANGE_GONE;
    if (ex->cancel != NULL)
        ex->cancel(ex->cancel_self, ex);
    ex->cancel = NULL;
    ex->on_body = NULL;
    ex->on_source_ready = NULL;
}

/* --- recycling --- */

void gw_exchange_pool_init(struct gw_exchange_pool *pool, size_t max_count, size_t arena_max_bytes)
{
    *pool = (struct gw_exchange_pool){.max_count = max_count, .arena_max_bytes = arena_max_bytes};
    gw_list_init(&pool->inner);
}

void gw_exchange_pool_finish(struct gw_exchange_pool *pool)
{
    while (pool->free_count > 0) {
        struct gw_exchange *ex = pool->free[--pool->free_count];
        gw_arena_finish(&ex->arena);
        free(ex);
    }
}

struct gw_exchange *gw_exchange_take(struct gw_exchange_pool *pool)
{
    if (pool->live_count == pool->max_count)
        return NULL;

    struct gw_exchange *ex;
    if (pool->free_count > 0) {
        ex = pool->free[--pool->free_count];
    } else {
        ex = calloc(1, sizeof(*ex));
        if (ex == NULL)
            return NULL;
        gw_arena_init(&ex->arena, ARENA_BLOCK_BYTES, pool->arena_max_bytes);
    }
    pool->live_count++;
    return ex;
}

void gw_exchange_give_back(struct gw_exchange_pool *pool, struct gw_exchange *ex)
{
    struct gw_arena arena;

    pool->live_count--;
    gw_arena_reset(&ex->arena);
    if (pool->free_count == GW_COUNT_OF(pool->free)) {
        gw_arena_finish(&ex->arena);
        free(ex);
        return;
    }
    arena = ex->arena;
    memset(ex, 0, sizeof(*ex));
    ex->arena = arena;
    pool->free[pool->free_count++] = ex;
}
