# The OData server's operations <-> the canonical models of mes; what an operation looks like is erp-production's.

def shop_operation($plant; $order): {plant: $plant, productionOrder: .ManufacturingOrder} + operation($order);

# Of one operation: its own state, as it has no tag.
def operation_version($order):
  "\($order["@etag"] | strong | ltrimstr("\"") | rtrimstr("\""))-\(.OperationStatus)-\(.ConfirmedYieldQuantity // 0)-\(.ConfirmedScrapQuantity // 0)";

# Operations are found by their orders, which say the plant: a page begins at the order at which the one before ended.
# As a text: only that can ask for what an order's operations say.
def orders_from($plant):
  .parameters as $asked
  | (cursor | if . == null then null else .k | split("/")[0] end) as $at
  | (if is_descending then "le" else "ge" end) as $from
  | {released: "o/OperationStatus eq 'OPEN'", started: "o/OperationStatus eq 'PCNF'", completed: "o/OperationStatus eq 'CNF'"} as $states
  | [(if $asked.workCenter then "o/WorkCenter eq \($asked.workCenter | quoted)" else empty end), ($states[$asked.status // ""] // empty)] as $operation
  | [
      "ProductionPlant eq \($plant | quoted)",
      (if $asked.productionOrder then "ManufacturingOrder eq \($asked.productionOrder | quoted)" else empty end),
      (if $at then "ManufacturingOrder \($from) \($at | quoted)" else empty end),
      (if $asked.status == null then empty elif $asked.status == "planned" then "OrderStatus eq 'CRTD'"
       elif $asked.status == "cancelled" then "false" else "OrderStatus ne 'CRTD'" end),
      (if $operation == [] then empty else "to_ProductionOrderOperation/any(o:\($operation | join(" and ")))" end)
    ]
  | join(" and ");

def operation_rows:
  [.items[] | . as $order | .to_ProductionOrderOperation[] | {order: $order, row: .,
    at: "\(.ManufacturingOrder)/\(.ManufacturingOrderOperation)", status: operation_status($order)}]
  | sort_by(.at);

# A page of operations out of a page of orders: those that fit, behind the last one that was given.
def operation_page($input; $plant):
  ($input | limit) as $limit
  | ($input | is_descending) as $down
  | ($input | cursor) as $at
  | $input.parameters as $asked
  | (.items | length > $limit) as $more_orders
  | (.items | last | .ManufacturingOrder) as $last_order
  | operation_rows
  | if $down then reverse else . end
  | map(select($at == null or (if $down then .at < $at.k else .at > $at.k end)))
  | map(select(($asked.workCenter == null or .row.WorkCenter == $asked.workCenter) and ($asked.status == null or .status == $asked.status)))
  | . as $rows
  | {items: [$rows[:$limit][] | .order as $order | .row | shop_operation($plant; $order)]}
    + (if ($rows | length) > $limit then {next: ({s: ($input.parameters.sort // "id"), k: $rows[$limit - 1].at} | cursor_text)}
       elif $more_orders then {next: ({s: ($input.parameters.sort // "id"), k: ($last_order + (if $down then "/" else "/~" end))} | cursor_text)}
       else {} end);
