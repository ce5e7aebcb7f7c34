/* The bound on backtracking: how many nodes one search can visit, over all paths that there are. */
#include <errno.h>
#include <stdlib.h>

#include "router_build.h"
#include "server/core/scope.h"

static uint64_t add_up(uint64_t a, uint64_t b)
{
    return a + b > GW_ROUTER_MAX_VISITS ? GW_ROUTER_MAX_VISITS + 1 : a + b;
}

/* How many nodes a search from `index` can visit: itself, its worst literal child (one at most
 * matches), and its worst chain of groups (only prefixes of one text can match together). Children
 * have greater numbers than their parents, so one backward pass over the nodes has them ready. */
static uint64_t count_visits(const struct gw_router *router, uint32_t index,
                             const uint64_t *worst_static, const uint64_t *visits,
                             uint64_t *group_sums)
{
    const struct router_node *node = &router->nodes[index];
    uint64_t worst_groups = 0;

    for (uint32_t g = 0; g < node->group_count; g++) {
        const struct router_group *group = &node->groups[g];
        uint64_t sum = group->parent >= 0 ? group_sums[group->parent] : 0;
        for (uint32_t i = 0; i < group->count; i++)
            sum = add_up(sum, visits[node->patterns[group->first + i].child]);
        group_sums[g] = sum;
        worst_groups = sum > worst_groups ? sum : worst_groups;
    }
    return add_up(add_up(1, worst_static[index]), worst_groups);
}

int router_check_visits(struct router_builder *builder)
{
    const struct gw_router *router = builder->router;
    uint32_t count = router->node_count;
    GW_SCOPED(gw_scope_free) uint64_t *visits = calloc((size_t)count * 3, sizeof(*visits));
    GW_SCOPED(gw_scope_free) uint32_t *parents = malloc((size_t)count * sizeof(*parents));

    if (visits == NULL || parents == NULL)
        return router_no_memory(builder);
    for (uint32_t i = 0; i < count; i++)
        parents[i] = ROUTER_NO_NODE;
    for (uint32_t i = 0; i <= router->edge_mask; i++) {
        if (router->edges[i].child != ROUTER_NO_NODE)
            parents[router->edges[i].child] = router->edges[i].parent;
    }
    uint64_t *worst_static = visits + count;
    uint64_t *group_sums = worst_static + count;
    for (uint32_t i = count; i-- > 0;) {
        visits[i] = count_visits(router, i, worst_static, visits, group_sums);
        if (parents[i] != ROUTER_NO_NODE && visits[i] > worst_static[parents[i]])
            worst_static[parents[i]] = visits[i];
    }
    if (visits[0] > GW_ROUTER_MAX_VISITS)
        return gw_error_set(builder->error, -EINVAL,
                            "the routes are too ambiguous: one path could visit more than %d nodes",
                            GW_ROUTER_MAX_VISITS);
    return 0;
}
