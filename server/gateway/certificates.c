#include "server/gateway/certificates.h"

#include <stdio.h>
#include <time.h>

#include "server/core/log.h"
#include "server/http/tls.h"

#define DAY_S 86400

/* One of them, while all are walked through. */
struct place {
    const struct gw_config *config;
    const struct gw_config_tls_server *from;
    struct gw_str listener; /* its address */
    char base[64];          /* where its `tls` stands in the configuration */
    size_t index;
    const struct gw_server_certificate *certificate;
};

typedef void visit_fn(void *self, const struct place *place);

static void visit_one(const struct gw_server_tls *tls, struct place *place, visit_fn *visit,
                      void *self)
{
    size_t count = tls == NULL ? 0 : gw_server_tls_count(tls);

    for (place->index = 0; place->index < count; place->index++) {
        place->certificate = gw_server_tls_certificate(tls, place->index);
        visit(self, place);
    }
}

static void visit_all(const struct gw_snapshot *snapshot, visit_fn *visit, void *self)
{
    const struct gw_config *config = snapshot->config;

    for (size_t i = 0; i < config->listener_count; i++) {
        struct place place = {.config = config,
                              .from = &config->listeners[i].tls,
                              .listener = config->listeners[i].at.text};
        snprintf(place.base, sizeof(place.base), "/listeners/%zu/tls", i);
        visit_one(snapshot->trust[i].tls, &place, visit, self);
    }
    struct place place = {.config = config,
                          .from = &config->admin.tls,
                          .listener = config->admin.at.text,
                          .base = "/admin/tls"};
    visit_one(snapshot->admin_trust.tls, &place, visit, self);
}

static struct gw_str file_of(const struct place *place)
{
    char pointer[128];

    if (place->from->is_listed)
        snprintf(pointer, sizeof(pointer), "%s/certificates/%zu/certificate_file", place->base,
                 place->index);
    else
        snprintf(pointer, sizeof(pointer), "%s/certificate_file", place->base);
    const char *file = gw_config_text_as_written(place->config, pointer);
    return gw_str_of(file == NULL ? "" : file);
}

static void print_metric(void *self, const struct place *place)
{
    struct gw_buf *out = self;
    int64_t expires_s = place->certificate->not_after_s;

    gw_buf_append_text(out, "millgate_certificate_expiry_timestamp_seconds{listener=\"");
    gw_buf_append_json(out, place->listener); /* the same escapes */
    gw_buf_append_text(out, "\",file=\"");
    gw_buf_append_json(out, file_of(place));
    gw_buf_printf(out, "\"} %lld\n", (long long)(expires_s < 0 ? 0 : expires_s));
}

static void count_one(void *self, const struct place *place)
{
    size_t *count = self;

    (void)place;
    ++*count;
}

void gw_certificates_print_metrics(const struct gw_snapshot *snapshot, struct gw_buf *out)
{
    size_t count = 0;

    visit_all(snapshot, count_one, &count);
    if (count == 0)
        return;
    gw_buf_append_text(out,
                       "# HELP millgate_certificate_expiry_timestamp_seconds When a listener's "
                       "certificate expires, since 1970.\n"
                       "# TYPE millgate_certificate_expiry_timestamp_seconds gauge\n");
    visit_all(snapshot, print_metric, out);
}

static void format_time(int64_t at_s, char out[32])
{
    time_t at = (time_t)at_s;
    struct tm parts = {0};

    (void)gmtime_r(&at, &parts);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static const char *state_of(const struct gw_server_certificate *certificate, int64_t now_s)
{
    if (certificate->not_after_s <= now_s)
        return "expired";
    if (certificate->not_before_s > now_s)
        return "not-yet-valid";
    return certificate->not_after_s - now_s < GW_CERTIFICATE_WARN_S ? "expiring" : "good";
}

struct printing {
    struct gw_buf *out;
    int64_t now_s;
    bool is_behind_first;
};

static void print_state(void *self, const struct place *place)
{
    struct printing *printing = self;
    char expires[32];

    format_time(place->certificate->not_after_s, expires);
    gw_buf_append_text(printing->out, printing->is_behind_first ? ",{" : "{");
    printing->is_behind_first = true;
    gw_buf_append_text(printing->out, "\"listener\":\"");
    gw_buf_append_json(printing->out, place->listener);
    gw_buf_append_text(printing->out, "\",\"names\":\"");
    gw_buf_append_json(printing->out, place->certificate->names);
    gw_buf_printf(printing->out, "\",\"expires\":\"%s\",\"state\":\"%s\"}", expires,
                  state_of(place->certificate, printing->now_s));
}

void gw_certificates_print_state(const struct gw_snapshot *snapshot, int64_t now_s,
                                 struct gw_buf *out)
{
    struct printing printing = {.out = out, .now_s = now_s};

    gw_buf_append_byte(out, '[');
    visit_all(snapshot, print_state, &printing);
    gw_buf_append_byte(out, ']');
}

static void warn(void *self, const struct place *place)
{
    int64_t now_s = *(const int64_t *)self;
    int64_t left_s = place->certificate->not_after_s - now_s;
    struct gw_str file = file_of(place);
    char expires[32];

    format_time(place->certificate->not_after_s, expires);
    if (left_s <= 0)
        gw_log_warn("the certificate %.*s has expired (%s): clients refuse it", GW_STR_ARG(file),
                    expires);
    else if (left_s < GW_CERTIFICATE_WARN_S)
        gw_log_warn("the certificate %.*s expires in %lld days (%s)", GW_STR_ARG(file),
                    (long long)(left_s / DAY_S), expires);
    if (place->certificate->not_before_s > now_s)
        gw_log_warn("the certificate %.*s is not valid yet", GW_STR_ARG(file));
}

void gw_certificates_warn(const struct gw_snapshot *snapshot, int64_t now_s)
{
    visit_all(snapshot, warn, &now_s);
}
