/* Intrusive doubly linked list: no allocation, removal in constant time.
 *
 * The head is a node too; an empty list points at itself. A node that is in no list is either
 * zeroed or points at itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"

struct gw_list {
    struct gw_list *next;
    struct gw_list *previous;
};

#define GW_LIST_ITEM(node, type, member) GW_CONTAINER_OF(node, type, member)

static inline void gw_list_init(struct gw_list *list)
{
    list->next = list->previous = list;
}

static inline bool gw_list_is_empty(const struct gw_list *list)
{
    return list->next == list || list->next == NULL;
}

/* Of a node: does it stand in a list? */
static inline bool gw_list_is_linked(const struct gw_list *node)
{
    return !gw_list_is_empty(node);
}

static inline void gw_list_insert_before(struct gw_list *at, struct gw_list *node)
{
    node->previous = at->previous;
    node->next = at;
    at->previous->next = node;
    at->previous = node;
}

/* At the end. */
static inline void gw_list_append(struct gw_list *list, struct gw_list *node)
{
    gw_list_insert_before(list, node);
}

static inline void gw_list_prepend(struct gw_list *list, struct gw_list *node)
{
    gw_list_insert_before(list->next, node);
}

/* Safe on a node that is in no list. */
static inline void gw_list_remove(struct gw_list *node)
{
    if (node->next == NULL)
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    gw_list_init(node);
}

/* Takes the first node off, or NULL. */
static inline struct gw_list *gw_list_take(struct gw_list *list)
{
    struct gw_list *node = list->next;

    if (gw_list_is_empty(list))
        return NULL;
    gw_list_remove(node);
    return node;
}
