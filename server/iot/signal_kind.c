/* Kinds of devices: which of a type's signals are computed for a device depends on what else stands
 * at its asset. Devices of one type with the same signals are of one *kind*; all that is numbered
 * by type (bindings, taps) is numbered by kind, so that what has no siblings pays nothing for them.
 */
#include <errno.h>

#include "server/core/map.h"
#include "server/iot/signal_private.h"

#define MAX_KEY_BYTES 4096

static const struct signal_binding *find_binding(const struct signal *signal,
                                                 const struct gw_device_type *type)
{
    for (uint32_t i = 0; i < signal->binding_count; i++)
        if (signal->bindings[i].type == type)
            return &signal->bindings[i];
    return NULL;
}

const struct signal_binding *signal_kind_find(const struct signal_kind *kind,
                                              const struct signal *signal)
{
    bool is_there = signal->sibling_count == 0 || kind->key.ptr[signal->key_at] == '1';

    return is_there ? find_binding(signal, kind->type) : NULL;
}

/* What makes the device's kind: a digit for each signal that asks for siblings, and its type. */
static void write_key(struct signal_loading *loading, const struct gw_device_config *device,
                      struct gw_buf *key)
{
    const struct gw_signals *signals = loading->signals;

    gw_buf_clear(key);
    for (size_t i = 0; i < signals->signal_count; i++) {
        const struct signal *signal = signals->signals[i];
        if (signal->sibling_count > 0)
            gw_buf_append_byte(key, find_binding(signal, device->type) != NULL &&
                                            signal_is_bound(loading, signal, device)
                                        ? '1'
                                        : '0');
    }
    gw_buf_append_byte(key, '/');
    gw_buf_append_str(key, device->type->name);
}

static struct signal_kind *add_kind(struct signal_loading *loading, struct gw_map *map,
                                    const struct gw_device_config *device, struct gw_str key)
{
    struct signal_kind *kind = signal_alloc(loading, 1, sizeof(*kind));

    if (kind == NULL)
        return NULL;
    kind->key = gw_arena_copy(&loading->signals->arena, key);
    kind->type = device->type;
    kind->number = loading->kind_count++;
    if (kind->key.ptr == NULL || gw_map_add(map, kind->key, kind) != 0)
        return NULL;
    *loading->kinds_end = kind;
    loading->kinds_end = &kind->next;
    return kind;
}

static int find_kinds(struct signal_loading *loading, bool is_plain, struct gw_map *map,
                      struct gw_buf *key)
{
    const struct gw_registry *registry = loading->signals->registry;
    const struct gw_device_type *type = NULL; /* of the device before */

    for (size_t i = 0; i < gw_registry_device_count(registry); i++) {
        const struct gw_device_config *device = gw_registry_device(registry, i);
        if (is_plain && i > 0 && device->type == type) {
            loading->device_kinds[i] = loading->device_kinds[i - 1];
            continue;
        }
        type = device->type;
        write_key(loading, device, key);
        struct signal_kind *kind = key->has_failed ? NULL : gw_map_get(map, gw_buf_str(key));
        if (kind == NULL && !key->has_failed)
            kind = add_kind(loading, map, device, gw_buf_str(key));
        if (kind == NULL)
            return -ENOMEM;
        loading->device_kinds[i] = kind->number;
    }
    return 0;
}

int signal_list_kinds(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;
    struct gw_map map;
    struct gw_buf key;
    uint32_t key_at = 0;

    for (size_t i = 0; i < signals->signal_count; i++)
        if (signals->signals[i]->sibling_count > 0)
            signals->signals[i]->key_at = key_at++;
    loading->kinds_end = &loading->kinds;
    loading->device_kinds = signal_alloc(loading, gw_registry_device_count(signals->registry),
                                         sizeof(*loading->device_kinds));
    if (loading->device_kinds == NULL)
        return -ENOMEM;
    int rc = key_at > 0 ? signal_list_assets(loading) : 0;
    if (rc != 0)
        return rc;
    gw_map_init(&map, GW_MAX_DEVICES);
    gw_buf_init(&key, MAX_KEY_BYTES);
    rc = find_kinds(loading, key_at == 0, &map, &key);
    gw_buf_finish(&key);
    gw_map_finish(&map);
    signal_tell_unbound(loading);
    return rc != 0 ? rc : gw_diagnostics_has_errors(loading->diagnostics) ? -EINVAL : 0;
}
