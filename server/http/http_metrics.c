#include "server/http/http_metrics.h"

#include <stddef.h>

#define CUT_NAME "millgate_connections_cut_total"
#define CUT_HELP "Client connections that the gateway closed, by reason."

#define CERTIFICATE_NAME "millgate_client_certificates_refused_total"
#define CERTIFICATE_HELP                                                                   \
    "Client certificates that were not accepted, or were required and absent, by reason; " \
    "reason=\"field\" are those of Client-Cert."

const struct gw_metric gw_http_malformed = {
    .name = "millgate_malformed_requests_total",
    .help = "Requests refused because they are not well-formed HTTP/1.1.",
};
const struct gw_metric gw_http_untrusted_peers = {CUT_NAME, CUT_HELP, "reason=\"untrusted-peer\"",
                                                  false};
const struct gw_metric gw_http_bad_proxy_headers = {CUT_NAME, CUT_HELP,
                                                    "reason=\"bad-proxy-header\"", false};
const struct gw_metric gw_http_slow_proxy_headers = {CUT_NAME, CUT_HELP,
                                                     "reason=\"slow-proxy-header\"", false};
const struct gw_metric gw_http_slow_heads = {CUT_NAME, CUT_HELP, "reason=\"slow-head\"", false};
const struct gw_metric gw_http_slow_uploads = {CUT_NAME, CUT_HELP, "reason=\"slow-upload\"", false};
const struct gw_metric gw_http_slow_readers = {CUT_NAME, CUT_HELP, "reason=\"slow-reader\"", false};
const struct gw_metric gw_http_idle_closed = {CUT_NAME, CUT_HELP, "reason=\"idle\"", false};
const struct gw_metric gw_http_undrained = {CUT_NAME, CUT_HELP, "reason=\"upload-after-refusal\"",
                                            false};
const struct gw_metric gw_http_refused = {CUT_NAME, CUT_HELP, "reason=\"too-many-exchanges\"",
                                          false};
const struct gw_metric gw_http_client_left = {CUT_NAME, CUT_HELP, "reason=\"client-left\"", false};
const struct gw_metric gw_http_expired_streams = {CUT_NAME, CUT_HELP, "reason=\"token-expired\"",
                                                  false};
const struct gw_metric gw_http_idle_tunnels = {CUT_NAME, CUT_HELP, "reason=\"websocket-idle\"",
                                               false};
const struct gw_metric gw_http_old_tunnels = {CUT_NAME, CUT_HELP, "reason=\"websocket-old\"",
                                              false};
const struct gw_metric gw_http_certificate_absent = {CERTIFICATE_NAME, CERTIFICATE_HELP,
                                                     "reason=\"absent\"", false};
const struct gw_metric gw_http_certificate_untrusted = {CERTIFICATE_NAME, CERTIFICATE_HELP,
                                                        "reason=\"untrusted\"", false};
const struct gw_metric gw_http_certificate_expired = {CERTIFICATE_NAME, CERTIFICATE_HELP,
                                                      "reason=\"expired\"", false};
const struct gw_metric gw_http_certificate_revoked = {CERTIFICATE_NAME, CERTIFICATE_HELP,
                                                      "reason=\"revoked\"", false};
const struct gw_metric gw_http_certificate_unfit = {CERTIFICATE_NAME, CERTIFICATE_HELP,
                                                    "reason=\"unfit\"", false};
const struct gw_metric gw_http_certificate_field_refused = {CERTIFICATE_NAME, CERTIFICATE_HELP,
                                                            "reason=\"field\"", false};
