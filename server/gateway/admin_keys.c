/* API keys over the admin listener. A key's record, "key:<id>", holds its SHA-256 and whose it is;
 * the key itself is in the answer to its creation, and nowhere else. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/crypto/api_key.h"
#include "server/crypto/random.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/server_state.h"

#define KIND "key:"
#define KEPT_S UINT64_C(2592000) /* an expired key is listed for another 30 days */

const struct gw_option gw_admin_key_fields[] = {
    {.name = "scheme", .type = GW_STRING, .min = 1, .max = 64},
    {.name = "consumer", .type = GW_STRING, .min = 1, .max = 256, .flags = GW_OPTION_REQUIRED},
    {.name = "scopes", .type = GW_LIST, .max = 64, .value = "[]"},
    {.name = "plan", .type = GW_STRING, .min = 1, .max = 64},
    {.name = "expires", .type = GW_STRING, .max = 32},
    {.name = "note", .type = GW_STRING, .max = 500},
    {0},
};

/* --- checks --- */

static bool is_name(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

/* RFC 6749, section 3.3 */
static bool is_scope(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return text.len > 0 && text.len <= 128;
}

/* Separated by single spaces, as credentials have them; ptr NULL if one is none. */
static struct gw_str join_scopes(struct gw_exchange *ex, const json_t *list)
{
    struct gw_str joined = GW_STR("");
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        struct gw_str scope = gw_str_from(json_string_value(item), json_string_length(item));
        if (!is_scope(scope) || joined.ptr == NULL)
            return (struct gw_str){NULL, 0};
        joined = gw_arena_printf(&ex->arena, "%.*s%s%.*s", GW_STR_ARG(joined),
                                 joined.len > 0 ? " " : "", GW_STR_ARG(scope));
    }
    return joined;
}

/* The section's entry that the keys are of: the one named, or the only one. NULL: neither. */
static const char *find_scheme(const json_t *schemes, struct gw_str wanted)
{
    if (wanted.len > 0)
        return json_object_get(schemes, wanted.ptr) != NULL ? wanted.ptr : NULL;
    if (json_object_size(schemes) != 1)
        return NULL;
    return json_object_iter_key(json_object_iter((json_t *)schemes));
}

struct wish {
    const char *scheme;
    struct gw_str consumer, scopes, plan, note;
    uint64_t not_after_s, now_s;
};

/* NULL, or what is wrong. */
static const char *take_wish(struct gw_server *server, struct gw_exchange *ex, const json_t *body,
                             struct wish *wish)
{
    const struct gw_config *config = server->current->config;

    wish->now_s = ex->wall_ns / GW_NS_PER_SECOND;
    wish->scheme =
        find_scheme(gw_config_section(config, "api_keys"), gw_admin_text(body, "scheme"));
    wish->consumer = gw_admin_text(body, "consumer");
    wish->scopes = join_scopes(ex, json_object_get(body, "scopes"));
    wish->plan = gw_admin_text(body, "plan");
    wish->note = gw_admin_text(body, "note");
    if (wish->scheme == NULL)
        return "scheme must be a name of the section api_keys.";
    if (!is_name(wish->consumer))
        return "consumer must not have control characters.";
    if (wish->scopes.ptr == NULL)
        return "scopes must be a list of scopes.";
    if (wish->plan.len > 0 &&
        json_object_get(gw_config_section(config, "plans"), wish->plan.ptr) == NULL)
        return "plan must be a name of the section plans.";
    if (gw_admin_time_parse(gw_admin_text(body, "expires"), wish->now_s, &wish->not_after_s) != 0)
        return "expires must be a duration such as 90d, or a time such as 2026-12-31T00:00:00Z.";
    if (wish->not_after_s != 0 && wish->not_after_s <= wish->now_s)
        return "expires must be in the future.";
    return NULL;
}

/* --- creating --- */

static json_t *make_value(struct gw_exchange *ex, const struct wish *wish, struct gw_str key)
{
    char digest[GW_API_KEY_DIGEST_LEN + 1];
    json_t *value = json_object();

    gw_api_key_digest(key, digest);
    gw_admin_set_text(value, "hash", gw_str_of(digest));
    gw_admin_set_text(value, "scheme", gw_str_of(wish->scheme));
    gw_admin_set_text(value, "consumer", wish->consumer);
    gw_admin_set_text(value, "scopes", wish->scopes);
    gw_admin_set_text(value, "plan", wish->plan);
    gw_admin_set_text(value, "note", wish->note);
    gw_admin_set_text(value, "created_by", gw_admin_who(ex));
    json_object_set_new(value, "created", json_integer((json_int_t)wish->now_s));
    if (wish->not_after_s != 0)
        json_object_set_new(value, "not_after", json_integer((json_int_t)wish->not_after_s));
    return value;
}

static json_t *split_scopes(struct gw_str joined)
{
    json_t *list = json_array();
    struct gw_str scope;

    while (joined.len > 0 && gw_str_split(&joined, ' ', &scope))
        json_array_append_new(list, json_stringn(scope.ptr, scope.len));
    return list;
}

/* All of a record but its hash. `value` is released. */
static json_t *show(struct gw_exchange *ex, struct gw_str name, json_t *value)
{
    static const char *const texts[] = {"scheme", "consumer", "plan", "note", "created_by"};
    json_t *shown = json_object();
    json_int_t not_after = json_integer_value(json_object_get(value, "not_after"));
    bool is_over = not_after != 0 && (uint64_t)not_after <= ex->wall_ns / GW_NS_PER_SECOND;

    if (shown != NULL) {
        gw_admin_set_text(shown, "id", name);
        for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
            gw_admin_set_text(shown, texts[i], gw_admin_text(value, texts[i]));
        json_object_set_new(shown, "scopes", split_scopes(gw_admin_text(value, "scopes")));
        gw_admin_set_time(shown, "created", json_object_get(value, "created"));
        gw_admin_set_time(shown, "expires", json_object_get(value, "not_after"));
        json_object_set_new(shown, "state", json_string(is_over ? "expired" : "active"));
    }
    json_decref(value);
    return shown;
}

void gw_admin_key_create(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    char key[GW_API_KEY_LEN + 1];
    struct wish wish = {0};
    struct gw_str id;
    const char *wrong = take_wish(server, ex, body, &wish);

    if (wrong != NULL) {
        gw_admin_refuse(ex, "invalid-body", wrong);
        return;
    }
    gw_api_key_make(key);
    id = gw_arena_copy(&ex->arena, gw_api_key_id(key));
    struct gw_admin_change change = {
        .act = GW_RECORD_ADD,
        .id = gw_admin_record_id(ex, GW_STR(KIND), id),
        .value = make_value(ex, &wish, gw_str_of(key)),
        .expires_s = wish.not_after_s == 0 ? 0 : wish.not_after_s + KEPT_S,
        .status = 201,
    };
    change.answer = show(ex, id, json_incref(change.value));
    if (change.answer != NULL)
        json_object_set_new(change.answer, "key", json_string(key));
    gw_secret_wipe(key, sizeof(key));
    gw_admin_act_note(ex->handler_state, id);
    gw_admin_record_change(server, ex, &change);
}

/* --- the others --- */

static json_t *show_if_wanted(struct gw_exchange *ex, struct gw_str name, json_t *value)
{
    struct gw_str consumer = gw_admin_query(ex, GW_STR("consumer"));
    struct gw_str scheme = gw_admin_query(ex, GW_STR("scheme"));

    if ((consumer.ptr != NULL && !gw_str_equal(consumer, gw_admin_text(value, "consumer"))) ||
        (scheme.ptr != NULL && !gw_str_equal(scheme, gw_admin_text(value, "scheme")))) {
        json_decref(value);
        return NULL;
    }
    return show(ex, name, value);
}

void gw_admin_key_list(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_list(server, ex, GW_STR(KIND), show_if_wanted);
}

void gw_admin_key_show(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_show(server, ex, GW_STR(KIND), show);
}

void gw_admin_key_revoke(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_record_remove(server, ex, GW_STR(KIND));
}
