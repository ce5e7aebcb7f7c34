# The OData server's operations <-> the canonical models of mes; what an operation looks like is erp-production's.

def shop_operation($plant; $order): {plant: $plant, productionOrder: .ManufacturingOrder} + operation($order);

# Of one operation: its own tag, and what its order says of it.
def operation_version($order): "\(bare_tag)-\($order.OrderStatus)";
def operation_answer($plant; $order): operation_version($order) as $version | shop_operation($plant; $order) | answer($version);

# One operation of an order, or null.
def step($line): first(.to_ProductionOrderOperation[] | select(.ManufacturingOrderOperation == $line)) // null;

# In the order of their orders, or of the moment at which they began; those that have not begun are the first.
def is_by_start: sort_name == "startedAt";
def operation_order:
  (if is_descending then " desc" else "" end) as $way
  | [(if is_by_start then "ActualStartDateTime" else empty end), "ManufacturingOrder", "ManufacturingOrderOperation"] | map(. + $way) | join(",");

# Beyond the last one that was given, which the cursor says.
def operations_beyond:
  is_descending as $down
  | is_by_start as $by_start
  | (if $down then "lt" else "gt" end) as $after
  | cursor
  | (.k | split("/")) as [$order, $line]
  | "(ManufacturingOrder \($after) \($order | quoted) or ManufacturingOrder eq \($order | quoted) and ManufacturingOrderOperation \($after) \($line | quoted))" as $behind
  | if $by_start | not then $behind
    elif .v == null then "(ActualStartDateTime eq null and \($behind)\(if $down then "" else " or ActualStartDateTime ne null" end))"
    else "(ActualStartDateTime eq \(.v) and \($behind) or ActualStartDateTime \($after) \(.v)\(if $down then " or ActualStartDateTime eq null" else "" end))" end;

# As a text: only that can ask for what an operation's order says.
def operation_filter($plant):
  .parameters as $asked
  | {released: "OperationStatus eq 'OPEN'", started: "(OperationStatus eq 'STRT' or OperationStatus eq 'PCNF')", completed: "OperationStatus eq 'CNF'"} as $states
  | [
      "to_ProductionOrder/ProductionPlant eq \($plant | quoted)",
      (if $asked.productionOrder then "ManufacturingOrder eq \($asked.productionOrder | quoted)" else empty end),
      (if $asked.workCenter then "WorkCenter eq \($asked.workCenter | quoted)" else empty end),
      (if $asked.status == null then empty elif $asked.status == "planned" then "to_ProductionOrder/OrderStatus eq 'CRTD'"
       elif $asked.status == "cancelled" then "to_ProductionOrder/OrderStatus eq 'CANC'"
       else $states[$asked.status], "to_ProductionOrder/OrderStatus ne 'CRTD'", "to_ProductionOrder/OrderStatus ne 'CANC'" end),
      (if cursor == null then empty else operations_beyond end)
    ]
  | join(" and ");

def operation_place: {v: .ActualStartDateTime, k: "\(.ManufacturingOrder)/\(.ManufacturingOrderOperation)"};
def operation_row($plant): .to_ProductionOrder as $order | shop_operation($plant; $order);

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
