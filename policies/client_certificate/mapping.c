#include "policies/client_certificate/mapping.h"

#include <errno.h>
#include <stdlib.h>

#include "server/crypto/random.h"

#define MAX_ENTRIES 10000
#define HEX_LEN (2 * GW_SHA256_BYTES)

const struct gw_option mapping_options[] = {
    {"consumer", GW_ENUM, 0, 0, "subject",
     "By what a certificate is told: its subject (as RFC 4514 writes it, CN=line-7,O=Acme), the "
     "subject's common name, an alternative name, or its SHA-256 fingerprint (hexadecimal).",
     .words = "subject cn san_dns san_uri san_email fingerprint"},
    {"map", GW_MAP, 0, MAX_ENTRIES, "{}", "What stands there, and the consumer's name for it."},
    {"any", GW_BOOL, 0, 0, "false",
     "A certificate that `map` does not have is taken too: what stands there is the consumer's "
     "name. Whoever can get a certificate can then choose a name."},
    {"ca_file", GW_FILE, 0, 0, NULL,
     "Who must have issued such certificates, PEM; if left out, whoever the listener trusts."},
    {"scopes", GW_LIST, 0, 64, "[]", "What these consumers may ask for."},
    {"plan", GW_STRING, 1, 64, NULL, "The plan of these consumers, before the operation's own."},
    {"grants", GW_LIST, 0, 1000, "[]",
     "The namespaces of APIs whose documents may name this: /<layer>/<name>, or with * for a "
     "part."},
    {0},
};

static bool is_consumer(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    }
    return text.len > 0 && text.len <= MAPPING_VALUE_MAX_BYTES;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct gw_str find_one(const struct mapping *mapping, struct gw_str value)
{
    const struct mapping_entry *entry = gw_map_get(&mapping->consumers, value);

    return entry == NULL ? GW_STR("") : entry->consumer;
}

static struct gw_str find_name(const struct mapping *mapping, const struct gw_str *names,
                               size_t count)
{
    struct gw_str found = GW_STR("");

    for (size_t i = 0; i < count; i++) {
        struct gw_str consumer = find_one(mapping, names[i]);
        if (consumer.len == 0)
            continue;
        if (found.len > 0 && !gw_str_equal(found, consumer))
            return GW_STR(""); /* two consumers: neither */
        found = consumer;
    }
    if (found.len > 0 || !mapping->takes_any || count != 1 || !is_consumer(names[0]))
        return found;
    return names[0];
}

static struct gw_str find_fingerprint(const struct mapping *mapping, const struct gw_x509 *x509)
{
    char hex[HEX_LEN + 1];

    gw_hex_encode(x509->thumbprint, GW_SHA256_BYTES, hex);
    return find_one(mapping, gw_str_from(hex, HEX_LEN));
}

struct gw_str mapping_find(const struct mapping *mapping, const struct gw_x509 *x509)
{
    switch (mapping->source) {
    case MAPPING_SUBJECT:
        return find_name(mapping, &x509->subject, x509->subject.len > 0);
    case MAPPING_CN:
        return find_name(mapping, &x509->common_name, x509->common_name.len > 0);
    case MAPPING_SAN_DNS:
        return find_name(mapping, x509->dns.items, x509->dns.count);
    case MAPPING_SAN_URI:
        return find_name(mapping, x509->uris.items, x509->uris.count);
    case MAPPING_SAN_EMAIL:
        return find_name(mapping, x509->emails.items, x509->emails.count);
    case MAPPING_FINGERPRINT:
        return find_fingerprint(mapping, x509);
    }
    return GW_STR("");
}

/* --- making ----------------------------------------------------------------------------------- */

static enum mapping_source read_source(const char *word)
{
    static const char *const words[] = {
        [MAPPING_SUBJECT] = "subject",     [MAPPING_CN] = "cn",
        [MAPPING_SAN_DNS] = "san_dns",     [MAPPING_SAN_URI] = "san_uri",
        [MAPPING_SAN_EMAIL] = "san_email", [MAPPING_FINGERPRINT] = "fingerprint",
    };

    for (size_t i = 0; i < GW_COUNT_OF(words); i++) {
        if (word != NULL && strcmp(words[i], word) == 0)
            return (enum mapping_source)i;
    }
    return MAPPING_SUBJECT;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* "AB:CD:..." or "abcd...", as tools print it, to 64 lower-case digits. */
static int normal_fingerprint(char *text)
{
    size_t len = 0;

    for (size_t i = 0; text[i] != '\0'; i++) {
        char c = lower(text[i]);
        if (c == ':')
            continue;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return -EINVAL;
        text[len++] = c;
    }
    text[len] = '\0';
    return len == HEX_LEN ? 0 : -EINVAL;
}

static int normal_value(const struct mapping *mapping, char *text)
{
    if (mapping->source == MAPPING_FINGERPRINT)
        return normal_fingerprint(text);
    for (size_t i = 0; mapping->source == MAPPING_SAN_DNS && text[i] != '\0'; i++)
        text[i] = lower(text[i]);
    return text[0] == '\0' ? -EINVAL : 0;
}

static int add_entry(struct mapping *mapping, const char *value, const json_t *consumer,
                     struct gw_error *error)
{
    struct mapping_entry *entry = &mapping->entries[mapping->entry_count];

    entry->value = strdup(value);
    if (entry->value == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    mapping->entry_count++;
    entry->consumer = gw_str_from(json_string_value(consumer), json_string_length(consumer));
    if (!is_consumer(entry->consumer))
        return gw_error_set_at(error, -EINVAL, "/map",
                               "a consumer's name has 1 to %d bytes, and no control characters",
                               MAPPING_VALUE_MAX_BYTES);
    if (normal_value(mapping, entry->value) != 0)
        return gw_error_set_at(error, -EINVAL, "/map",
                               mapping->source == MAPPING_FINGERPRINT
                                   ? "\"%.100s\" is no SHA-256 fingerprint (64 hexadecimal digits)"
                                   : "\"%.100s\" is no name",
                               value);
    int rc = gw_map_add(&mapping->consumers, gw_str_of(entry->value), entry);
    if (rc == -EEXIST)
        return gw_error_set_at(error, -EINVAL, "/map", "\"%.100s\" stands twice", value);
    return rc == 0 ? 0 : gw_error_set(error, -ENOMEM, "no memory");
}

static int read_map(struct mapping *mapping, const json_t *map, struct gw_error *error)
{
    const char *value;
    json_t *consumer;

    mapping->entries = calloc(json_object_size(map) + 1, sizeof(*mapping->entries));
    if (mapping->entries == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    json_object_foreach((json_t *)(uintptr_t)map, value, consumer)
    {
        int rc = add_entry(mapping, value, consumer, error);
        if (rc != 0)
            return rc;
    }
    if (mapping->entry_count == 0 && !mapping->takes_any)
        return gw_error_set_at(error, -EINVAL, "", "needs a map, or any: true: nobody is meant");
    if (mapping->takes_any && mapping->source == MAPPING_FINGERPRINT)
        return gw_error_set_at(error, -EINVAL, "/any", "a fingerprint is no consumer's name");
    return 0;
}

static bool is_scope(struct gw_str scope)
{
    for (size_t i = 0; i < scope.len; i++) {
        char c = scope.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return scope.len > 0;
}

static int read_scopes(struct mapping *mapping, const json_t *list, struct gw_error *error)
{
    size_t room = 1, at = 0, index;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)list, index, item) room += json_string_length(item) + 1;
    mapping->scopes = calloc(1, room);
    if (mapping->scopes == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    json_array_foreach((json_t *)(uintptr_t)list, index, item)
    {
        struct gw_str scope = gw_str_from(json_string_value(item), json_string_length(item));
        if (!is_scope(scope))
            return gw_error_set_at(error, -EINVAL, "/scopes",
                                   "a scope has no spaces, quotes or backslashes");
        if (at > 0)
            mapping->scopes[at++] = ' ';
        memcpy(mapping->scopes + at, scope.ptr, scope.len);
        at += scope.len;
    }
    return 0;
}

static int read_trust(struct mapping *mapping, const json_t *pem, struct gw_error *error)
{
    struct gw_error why;

    if (pem == NULL)
        return 0;
    int rc = gw_x509_trust_create(gw_str_from(json_string_value(pem), json_string_length(pem)),
                                  GW_STR(""), &mapping->trust, &why);
    return rc == 0 ? 0 : gw_error_set_at(error, rc, "/ca_file", "%s", why.text);
}

int mapping_init(struct mapping *mapping, const char *name, const json_t *config,
                 struct gw_error *error)
{
    const json_t *plan = json_object_get(config, "plan");

    memset(mapping, 0, sizeof(*mapping));
    gw_map_init(&mapping->consumers, MAX_ENTRIES);
    mapping->name = gw_str_of(name);
    mapping->source = read_source(json_string_value(json_object_get(config, "consumer")));
    mapping->takes_any = json_is_true(json_object_get(config, "any"));
    mapping->plan = gw_str_from(json_string_value(plan), json_string_length(plan));
    int rc = read_map(mapping, json_object_get(config, "map"), error);
    if (rc == 0)
        rc = read_scopes(mapping, json_object_get(config, "scopes"), error);
    if (rc == 0)
        rc = read_trust(mapping, json_object_get(config, "ca_file"), error);
    return rc;
}

void mapping_finish(struct mapping *mapping)
{
    for (size_t i = 0; i < mapping->entry_count; i++)
        free(mapping->entries[i].value);
    free(mapping->entries);
    gw_map_finish(&mapping->consumers);
    gw_x509_trust_destroy(mapping->trust);
    free(mapping->scopes);
    memset(mapping, 0, sizeof(*mapping));
}
