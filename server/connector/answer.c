#include "server/connector/answer.h"

#include <string.h>

#define MAX_REASON_BYTES 500

enum gw_connector_error gw_connector_judge_status(int status, bool is_write)
{
    switch (status) {
    case 304:
        return GW_CONNECTOR_OK;
    case 400:
    case 422:
        return GW_CONNECTOR_REFUSED;
    case 401:
    case 403:
    case 407:
        return GW_CONNECTOR_DENIED;
    case 404:
        return GW_CONNECTOR_NOT_FOUND;
    case 409:
    case 412:
        return GW_CONNECTOR_CONFLICT;
    case 410:
        return GW_CONNECTOR_GONE;
    case 408:
    case 425:
    case 429:
    case 503:
        return GW_CONNECTOR_UNAVAILABLE;
    default:
        break;
    }
    if (status >= 200 && status < 300)
        return GW_CONNECTOR_OK;
    if (status >= 500)
        return is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_UNAVAILABLE;
    return status >= 400 ? GW_CONNECTOR_WRONG : GW_CONNECTOR_RUBBISH;
}

/* The backend gave no whole answer. */
static enum gw_connector_error judge_problem(const struct gw_call_answer *answer, bool is_write)
{
    if (strcmp(answer->problem, "malformed-request") == 0)
        return GW_CONNECTOR_WRONG; /* it was not even sent */
    if (answer->backend_status == 401)
        return GW_CONNECTOR_DENIED; /* the credentials that the operator has given */
    if (answer->backend_status >= 400)
        return gw_connector_judge_status(answer->backend_status, is_write);
    if (answer->was_sent && is_write)
        return GW_CONNECTOR_IN_DOUBT;
    return answer->backend_status > 0 ? GW_CONNECTOR_RUBBISH : GW_CONNECTOR_UNAVAILABLE;
}

/* Nothing is wrong with it but the time that it takes. */
static bool is_late(const struct gw_call_answer *answer)
{
    return answer->problem != NULL && strcmp(answer->problem, GW_CONNECTOR_LATE) == 0;
}

enum gw_connector_error gw_connector_judge(const struct gw_call_answer *answer, bool is_write,
                                           struct gw_connector_failure *out_failure)
{
    enum gw_connector_error error = answer->problem != NULL
                                        ? judge_problem(answer, is_write)
                                        : gw_connector_judge_status(answer->status, is_write);

    if (error == GW_CONNECTOR_OK)
        return error;
    *out_failure = (struct gw_connector_failure){
        .error = error,
        .backend_status = answer->backend_status,
        .reason = answer->problem != NULL ? gw_str_of(answer->problem) : answer->body,
        .retry_ns = answer->retry_ns,
    };
    if (error == GW_CONNECTOR_UNAVAILABLE && is_late(answer))
        out_failure->problem = GW_CONNECTOR_LATE;
    if (out_failure->reason.len > MAX_REASON_BYTES)
        out_failure->reason.len = MAX_REASON_BYTES;
    return error;
}
