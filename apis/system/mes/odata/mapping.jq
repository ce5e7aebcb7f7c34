# The OData server's operations <-> the canonical models of mes; what an operation looks like is erp-production's.

def shop_operation($plant; $order): {plant: $plant, productionOrder: .ManufacturingOrder} + operation($order);

# Of one operation: its own tag, and what its order says of it.
def operation_version($order): "\(bare_tag)-\($order.OrderStatus)";
def operation_answer($plant; $order): operation_version($order) as $version | shop_operation($plant; $order) | answer($version);

# One operation of an order, or null.
def step($line): first(.to_ProductionOrderOperation[] | select(.ManufacturingOrderOperation == $line)) // null;

# Operations are found by their orders, which say the plant: a page begins at the order at which the one before ended.
# As a text: only that can ask for what an order's operations say.
def orders_from($plant):
  .parameters as $asked
  | (cursor | if . == null then null else .k | split("/")[0] end) as $at
  | (if is_descending then "le" else "ge" end) as $from
  | {released: "o/OperationStatus eq 'OPEN'", started: "(o/OperationStatus eq 'STRT' or o/OperationStatus eq 'PCNF')", completed: "o/OperationStatus eq 'CNF'"} as $states
  | [(if $asked.workCenter then "o/WorkCenter eq \($asked.workCenter | quoted)" else empty end), ($states[$asked.status // ""] // empty)] as $operation
  | [
      "ProductionPlant eq \($plant | quoted)",
      (if $asked.productionOrder then "ManufacturingOrder eq \($asked.productionOrder | quoted)" else empty end),
      (if $at then "ManufacturingOrder \($from) \($at | quoted)" else empty end),
      (if $asked.status == null then empty elif $asked.status == "planned" then "OrderStatus eq 'CRTD'"
       elif $asked.status == "cancelled" then "OrderStatus eq 'CANC'" else "OrderStatus ne 'CRTD' and OrderStatus ne 'CANC'" end),
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

# --- work centres ---

# Who is at work: the work centres of operations that have begun and are not done.
def orders_at_work($plant):
  "ProductionPlant eq \($plant | quoted) and (OrderStatus eq 'REL' or OrderStatus eq 'INPR')"
  + " and to_ProductionOrderOperation/any(o:o/OperationStatus eq 'STRT' or o/OperationStatus eq 'PCNF')";
def at_work: [.items[].to_ProductionOrderOperation[] | select(.OperationStatus | IN("STRT", "PCNF")) | .WorkCenter] | unique;

def center_states: {DOWN: "down", INAC: "out-of-service"};

def center($busy):
  .WorkCenter as $id
  | {
      id: .WorkCenter,
      plant: .Plant,
      description: (.WorkCenterText // .WorkCenter),
      level: "work-center",
      parent: (.WorkCenterGroup | text_or_null),
      status: (center_states[.WorkCenterStatus] // (if any($busy[]; . == $id) then "in-use" else "available" end)),
      costRate: (if .PricePerHour == null then null else {price: {amount: (.PricePerHour | decimal_text), currency: .Currency}, per: "HUR"} end),
      changedAt: .LastChangeDateTime,
      record: {system: "cloud-erp", id: "A_WorkCenter(Plant='\(.Plant)',WorkCenter='\(.WorkCenter)')"}
    }
  | present;

# Whether it is at work is no state of its own.
def center_version($busy): "\(.LastChangeDateTime)-\(center($busy).status)";

def center_query($plant; $busy):
  .parameters as $asked
  | ({Plant: $plant, WorkCenterGroup: $asked.parent} | present) as $plain
  | (if $asked.status == null then {}
     elif $asked.status == "in-use" then {WorkCenterStatus: "AVLB", WorkCenter: {in: ($busy | in_list)}}
     elif $asked.status == "available" then {WorkCenterStatus: "AVLB", "$not": {WorkCenter: {in: ($busy | in_list)}}}
     else {WorkCenterStatus: ($asked.status as $status | first(center_states | to_entries[] | select(.value == $status) | .key))} end) as $status
  | odata_query([$plain, $status] | all_of; "WorkCenter"; "WorkCenter");

# --- what is written ---

def progress_is_offered($order):
  ($order.ProductionUnit | unit) as $unit
  | all(.yield, .scrap | select(. != null); .unit == $unit) and (.duration == null or (.duration.unit | IN("MIN", "HUR")));

# What was done is confirmed; with the last of it the operation is done.
def new_progress($line; $order; $is_final; $reference):
  {operation: $line, yield: .yield, scrap: .scrap, duration: .duration, endedAt: .at, text: .text, isFinal: $is_final}
  | . as $request | new_confirmation($request; $order; $reference);
