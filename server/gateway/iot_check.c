#include "server/gateway/iot_check.h"

#include "server/contract/operation.h"
#include "server/gateway/flows.h"
#include "server/iot/signal.h"

static const struct gw_value_member *find_given(const struct gw_signal_enrichment *enrichment,
                                                struct gw_str name)
{
    for (size_t i = 0; i < enrichment->parameter_count; i++)
        if (gw_str_equal(enrichment->parameters[i].name, name))
            return &enrichment->parameters[i];
    return NULL;
}

static const struct gw_parameter *find_known(const struct gw_operation *operation,
                                             struct gw_str name)
{
    for (size_t i = 0; i < operation->parameter_count; i++)
        if (gw_str_equal(operation->parameters[i].name, name))
            return &operation->parameters[i];
    return NULL;
}

#define TELL(enrichment, diagnostics, ...)                                                     \
    gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, (enrichment)->file, (enrichment)->line, \
                       (enrichment)->column, __VA_ARGS__)

static void check_parameters(const struct gw_signal_enrichment *enrichment,
                             const struct gw_operation *operation,
                             struct gw_diagnostics *diagnostics)
{
    for (size_t i = 0; i < enrichment->parameter_count; i++) {
        struct gw_str name = enrichment->parameters[i].name;
        if (find_known(operation, name) == NULL)
            TELL(enrichment, diagnostics, "%.*s has no parameter \"%.*s\"",
                 GW_STR_ARG(enrichment->operation), GW_STR_ARG(name));
    }
    for (size_t i = 0; i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        if ((parameter->is_required || parameter->place == GW_IN_PATH) &&
            find_given(enrichment, parameter->name) == NULL)
            TELL(enrichment, diagnostics, "%.*s needs the parameter \"%.*s\"",
                 GW_STR_ARG(enrichment->operation), GW_STR_ARG(parameter->name));
    }
}

static void check(const struct gw_snapshot *snapshot, const struct gw_signal_enrichment *enrichment,
                  struct gw_diagnostics *diagnostics)
{
    bool is_one_of_several;
    const struct gw_operation *operation =
        gw_flows_find_operation(snapshot, enrichment->operation, &is_one_of_several);

    if (operation == NULL)
        TELL(enrichment, diagnostics, "%.*s: %s", GW_STR_ARG(enrichment->operation),
             is_one_of_several ? "several contracts have this operation: say which, "
                                 "\"/system/mes/v1#id\""
                               : "no contract has this operation");
    else if (operation->method != GW_METHOD_GET)
        TELL(enrichment, diagnostics, "%.*s is no read: its method must be GET",
             GW_STR_ARG(enrichment->operation));
    else if (!gw_str_has_prefix(operation->api->namespace, GW_STR("/system/")))
        TELL(enrichment, diagnostics, "%.*s is an operation of %.*s: only system APIs are asked",
             GW_STR_ARG(enrichment->operation), GW_STR_ARG(operation->api->namespace));
    else
        check_parameters(enrichment, operation, diagnostics);
}

void gw_iot_check_names(const struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics)
{
    struct gw_signal_enrichment enrichment;

    if (!snapshot->config->iot.has_enrichment || snapshot->signals == NULL)
        return;
    for (size_t i = 0; i < gw_signals_count(snapshot->signals); i++)
        if (gw_signals_get_enrichment(snapshot->signals, i, &enrichment))
            check(snapshot, &enrichment, diagnostics);
}
