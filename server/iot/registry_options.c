/* What the registry's files may say. */
#include "server/iot/json_map_private.h"
#include "server/iot/registry_private.h"

#define MAX_TYPES 1000

static const struct gw_option writable_options[] = {
    {.name = "type",
     .type = GW_ENUM,
     .words = "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float Double Boolean String",
     .flags = GW_OPTION_REQUIRED,
     .help = "The data type that the device expects."},
    {.name = "min", .type = GW_ANY, .help = "The least number that may be sent, in our unit."},
    {.name = "max", .type = GW_ANY, .help = "The greatest."},
    {0},
};

static const struct gw_option metric_options[] = {
    {.name = "source",
     .type = GW_STRING,
     .min = 1,
     .max = 512,
     .flags = GW_OPTION_REQUIRED,
     .help = "What the device calls it: \"Spindle/Vibration\"."},
    {.name = "unit", .type = GW_STRING, .max = 32, .help = "The unit after `factor` (UCUM)."},
    {.name = "factor",
     .type = GW_ANY,
     .help = "The device's number times this, plus `offset`, is ours; 1."},
    {.name = "offset", .type = GW_ANY, .help = "See `factor`; 0."},
    {.name = "rollover",
     .type = GW_ANY,
     .help = "Of a counter: the number of the device at which it is 0 again, as 65536."},
    {.name = "writable",
     .type = GW_OBJECT,
     .fields = writable_options,
     .help = "Commands may set it; left out: none may."},
    {.name = "keep", .type = GW_BOOL, .value = "true", .help = "Whether its history can be read."},
    {0},
};

static const struct gw_option type_options[] = {
    {.name = "metrics",
     .type = GW_MAP,
     .min = 1,
     .max = GW_MAX_TYPE_METRICS,
     .fields = metric_options,
     .flags = GW_OPTION_REQUIRED,
     .help = "Its metrics by our name: \"spindleVibration\"."},
    {0},
};

#define DEVICE_NAME .type = GW_STRING, .min = 1, .max = GW_MAX_DEVICE_NAME

static const struct gw_option device_options[] = {
    {.name = "group", DEVICE_NAME, .flags = GW_OPTION_REQUIRED, .help = "Sparkplug's group id."},
    {.name = "edge_node",
     DEVICE_NAME,
     .flags = GW_OPTION_REQUIRED,
     .help = "Sparkplug's edge node id."},
    {.name = "device",
     DEVICE_NAME,
     .help = "Sparkplug's device id; left out: the edge node's own metrics."},
    {.name = "type",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "One of the types of any of the files."},
    {.name = "equipment",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "Its id in the canonical model."},
    {.name = "asset",
     .type = GW_STRING,
     .max = 64,
     .help = "The physical asset that stands there."},
    {.name = "plant",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "The plant where it stands: one for all devices of an edge node."},
    {.name = "owner", .type = GW_STRING, .max = 64, .help = "Who answers for it."},
    {0},
};

const struct gw_option gw_registry_file_options[] = {
    {.name = "types",
     .type = GW_MAP,
     .max = MAX_TYPES,
     .fields = type_options,
     .value = "{}",
     .help = "Kinds of devices by name."},
    {.name = "devices",
     .type = GW_LIST,
     .max = GW_MAX_DEVICES,
     .fields = device_options,
     .value = "[]",
     .help = "The devices."},
    {.name = "mappings",
     .type = GW_MAP,
     .max = GW_JSON_MAPS_MAX,
     .fields = gw_json_map_options,
     .value = "{}",
     .help = "What JSON messages of devices mean, by name."},
    {0},
};
