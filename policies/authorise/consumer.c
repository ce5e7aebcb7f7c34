#include "policies/authorise/consumer.h"

#include <errno.h>

#include "server/json/reader.h"
#include "server/store/record_set.h"

#define KIND 'c' /* of "consumer:" */

int consumer_find(const struct gw_record_set *records, struct gw_arena *arena, struct gw_str name,
                  struct consumer *out_consumer)
{
    struct gw_json_error why;
    struct gw_json_tape tape;

    *out_consumer = (struct consumer){.plan = GW_STR("")};
    if (records == NULL || gw_record_set_count(records, KIND) == 0)
        return 0;
    struct gw_str id = gw_arena_printf(arena, "consumer:%.*s", GW_STR_ARG(name));
    if (id.ptr == NULL)
        return -ENOMEM;
    const struct gw_record *record = gw_record_set_find(records, id);
    if (record == NULL)
        return 0;
    /* Copied: the exchange may outlive the record. */
    struct gw_str value = gw_arena_copy(arena, gw_record_value(record));
    int rc = value.ptr == NULL ? -ENOMEM : gw_json_read(arena, value, NULL, &tape, &why);
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0) { /* who cannot be read may have been disabled */
        out_consumer->is_disabled = true;
        return 0;
    }
    uint32_t disabled = gw_json_get(&tape, 0, GW_STR("disabled"));
    uint32_t plan = gw_json_get(&tape, 0, GW_STR("plan"));
    out_consumer->is_disabled =
        disabled != GW_JSON_NONE && gw_json_type(&tape, disabled) == GW_JSON_TRUE;
    if (plan != GW_JSON_NONE && gw_json_type(&tape, plan) == GW_JSON_STRING)
        out_consumer->plan = gw_json_string(&tape, plan);
    return 0;
}
