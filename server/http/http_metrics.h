/* What the listener counts. */
#pragma once

#include "server/core/metric.h"

extern const struct gw_metric gw_http_malformed;
extern const struct gw_metric gw_http_certificate_absent, gw_http_certificate_untrusted,
    gw_http_certificate_expired, gw_http_certificate_revoked, gw_http_certificate_unfit,
    gw_http_certificate_field_refused;
extern const struct gw_metric gw_http_untrusted_peers, gw_http_bad_proxy_headers,
    gw_http_slow_proxy_headers;
extern const struct gw_metric gw_http_slow_heads;
extern const struct gw_metric gw_http_slow_uploads;
extern const struct gw_metric gw_http_slow_readers;
extern const struct gw_metric gw_http_idle_closed;
extern const struct gw_metric gw_http_undrained;
extern const struct gw_metric gw_http_refused;
extern const struct gw_metric gw_http_client_left;
extern const struct gw_metric gw_http_expired_streams;
extern const struct gw_metric gw_http_idle_tunnels, gw_http_old_tunnels;
