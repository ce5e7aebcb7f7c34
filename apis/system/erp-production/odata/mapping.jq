# The service `erp` of the OData server <-> the canonical models of erp-production.

# --- values ---

def unit: {PC: "H87", KG: "KGM", G: "GRM", M: "MTR", MM: "MMT", M2: "MTK", M3: "MTQ", L: "LTR", MIN: "MIN", H: "HUR"}[.]
  // error("the unit \(.) is not known");

def own_unit: {H87: "PC", KGM: "KG", GRM: "G", MTR: "M", MMT: "MM", MTK: "M2", MTQ: "M3", LTR: "L", MIN: "MIN", HUR: "H"}[.];

def amount($value; $of): quantity($value // 0; $of | unit);

# Products of decimals: in millionths, written without zeros that say nothing.
def exact:
  . * 1000000 | round | tostring | ("0" * (7 - length) // "") + . | .[:-6] + "." + .[-6:]
  | sub("\\.?0+$"; "");

def times($one; $other): ($one | tonumber) * ($other | tonumber) | exact;

# Names and values of a filter that needs more than an object can say.
def quoted: "'" + gsub("'"; "''") + "'";

# --- orders ---

def priorities: {"1": "urgent", "2": "high", "3": "normal", "4": "low"};
def own_priority: . as $ours | first(priorities | to_entries[] | select(.value == $ours) | .key);

def is_begun: [.to_ProductionOrderOperation[]? | .OperationStatus // "OPEN"] | any(. != "OPEN");

# Who starts no order has the moment at which its first operation began.
def begun_at: .ActualStartDateTime // ([.to_ProductionOrderOperation[]? | .ActualStartDateTime // empty] | min);

def order_status:
  if .OrderStatus == "REL" and is_begun then "started"
  else {CRTD: "planned", REL: "released", INPR: "started", CNF: "started", TECO: "completed", CANC: "cancelled"}[.OrderStatus] end;

def operation_status($order):
  {CRTD: "planned", CANC: "cancelled"}[$order.OrderStatus]
  // {OPEN: "released", STRT: "started", PCNF: "started", CNF: "completed"}[.OperationStatus // "OPEN"];

def operation($order):
  {
    line: .ManufacturingOrderOperation,
    description: (.OperationText | text_or_null),
    workCenter: (.WorkCenter | text_or_null),
    status: operation_status($order),
    plannedDuration: (if .StandardTimeMinutes == null then null else {value: times(.StandardTimeMinutes; $order.TotalQuantity), unit: "MIN"} end),
    confirmed: amount(.ConfirmedYieldQuantity; $order.ProductionUnit),
    scrapped: amount(.ConfirmedScrapQuantity; $order.ProductionUnit),
    actualDuration: (if (.ConfirmedDuration // 0 | tonumber) == 0 then null else quantity(.ConfirmedDuration; "MIN") end),
    startedAt: .ActualStartDateTime,
    completedAt: .ActualEndDateTime,
    changedAt: .LastChangeDateTime,
    record: {system: "cloud-erp", id: "A_ProductionOrderOperation(ManufacturingOrder='\(.ManufacturingOrder)',ManufacturingOrderOperation='\(.ManufacturingOrderOperation)')"}
  }
  | present;

def order_head($plant):
  order_status as $status
  | {
    id: .ManufacturingOrder,
    plant: $plant,
    material: .Material,
    description: (.OrderText | text_or_null),
    priority: (.OrderPriority | if . == null then null else priorities[.] end),
    quantity: amount(.TotalQuantity; .ProductionUnit),
    confirmed: amount(.ConfirmedQuantity; .ProductionUnit),
    scrapped: amount(.ScrapQuantity; .ProductionUnit),
    overdeliveryTolerance: (.OverdeliveryTolerance // 10 | decimal_text),
    status: $status,
    plannedStart: .PlannedStartDate,
    plannedEnd: .PlannedEndDate,
    startedOn: (if $status | IN("started", "completed") then begun_at | if . then .[:10] else null end else null end),
    completedOn: (if .OrderStatus | IN("TECO", "CNF") then .ActualEndDateTime | if . then .[:10] else null end else null end),
    storageLocation: (.StorageLocation | text_or_null),
    reference: (.ReferenceNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: "cloud-erp", id: "A_ProductionOrder('\(.ManufacturingOrder)')"}
  }
  | present;

# The server's tag of an order stays as it is when one of its operations is started or confirmed.
def bare_tag: .["@etag"] | strong | ltrimstr("\"") | rtrimstr("\"");
def version: bare_tag + "-" + ([.to_ProductionOrderOperation[].LastChangeDateTime // ""] | max // "");

def order_with_operations($plant):
  . as $order
  | order_head($plant)
    + {operations: [.to_ProductionOrderOperation | sort_by(.ManufacturingOrderOperation)[] | operation($order)]};

# `$bill` is the material's, `$taken` what was posted to the order.
def order($plant; $bill; $taken):
  . as $order
  | order_with_operations($plant) + {
      components: [$bill[] | . as $item | {
        line: .BillOfMaterialItem,
        material: .Component,
        required: {value: times(.ComponentQuantity; $order.TotalQuantity), unit: (.ComponentUnit | unit)},
        withdrawn: {value: ([$taken[] | select(.Material == $item.Component) | .Quantity | tonumber] | add // 0 | exact), unit: (.ComponentUnit | unit)}
      }]
    };

def order_sort_field: {id: "ManufacturingOrder", plannedStart: "PlannedStartDate", plannedEnd: "PlannedEndDate", changedAt: "LastChangeDateTime"}[sort_name];

# As a text: only that can ask for what an order's operations say.
def order_filter($plant):
  .parameters as $asked
  | cursor as $at
  | order_sort_field as $field
  | (if is_descending then "lt" else "gt" end) as $after
  | (if sort_name == "id" then $at.v // "" | quoted else $at.v // "" end) as $value
  | "to_ProductionOrderOperation/any(o:o/OperationStatus ne 'OPEN')" as $begun
  | [
      "ProductionPlant eq \($plant | quoted)",
      (if $asked.material then "Material eq \($asked.material | quoted)" else empty end),
      ({planned: "OrderStatus eq 'CRTD'", released: "OrderStatus eq 'REL' and not \($begun)",
        started: "(OrderStatus eq 'CNF' or OrderStatus eq 'INPR' or OrderStatus eq 'REL' and \($begun))", completed: "OrderStatus eq 'TECO'",
        closed: "false", cancelled: "OrderStatus eq 'CANC'"}[$asked.status // ""] // empty),
      (if $asked.priority then "OrderPriority eq \($asked.priority | own_priority | quoted)" else empty end),
      (if $asked.reference then "ReferenceNumber eq \($asked.reference | quoted)" else empty end),
      (if $asked.from then "PlannedStartDate ge \($asked.from)" else empty end),
      (if $asked.to then "PlannedStartDate le \($asked.to)" else empty end),
      (if $asked.changedSince then "LastChangeDateTime ge \($asked.changedSince)" else empty end),
      (if $at == null then empty
       else "(\($field) \($after) \($value) or \($field) eq \($value) and ManufacturingOrder \($after) \($at.k | quoted))" end)
    ]
  | join(" and ");

def order_place($field): {v: .[$field], k: .ManufacturingOrder};

# --- confirmations ---

# What was used, and the one movement that puts into stock what was made.
def used: [.to_ConfirmationMovement[]? | select(.GoodsMovementType == "261")];
def put_away: first(.to_ConfirmationMovement[]? | select(.GoodsMovementType == "131")) // {};

def confirmation($plant):
  put_away as $made
  | {
      id: .ConfirmationNumber,
      plant: $plant,
      productionOrder: .ManufacturingOrder,
      operation: .ManufacturingOrderOperation,
      workCenter: (.WorkCenter | text_or_null),
      yield: amount(.ConfirmationYieldQuantity; .ConfirmationUnit),
      scrap: amount(.ConfirmationScrapQuantity; .ConfirmationUnit),
      lot: $made.Batch,
      storageLocation: $made.StorageLocation,
      consumed: (used | if . == [] then null
        else map({material: .Material, lot: .Batch, quantity: amount(.Quantity; .EntryUnit), storageLocation: .StorageLocation} | present) end),
      duration: (if .ConfirmedDuration == null then null else amount(.ConfirmedDuration; .ConfirmedDurationUnit) end),
      isFinal: (.IsFinalConfirmation | truth),
      startedAt: .ConfirmationStartDateTime,
      reference: (.ReferenceNumber | text_or_null),
      text: (.ConfirmationText | text_or_null),
      status: (if .IsReversed | truth then "reversed" else "posted" end),
      postedAt: .ConfirmationDateTime,
      record: {system: "cloud-erp", id: "A_ProductionConfirmation('\(.ConfirmationNumber)')"}
    }
  | present;

def confirmation_version: .LastChangeDateTime;

def confirmation_answer($plant):
  confirmation_version as $version
  | confirmation($plant) | answer($version)
  | .status = 201 | .headers.location = "../../production-confirmations/\(.body.id)";

def confirmation_sort_field: {id: "ConfirmationNumber", postedAt: "ConfirmationDateTime"}[sort_name];

def confirmation_filter($plant):
  .parameters as $asked
  | sort_name as $sort
  | {Plant: $plant}
    + (if $asked.productionOrder then {ManufacturingOrder: $asked.productionOrder} else {} end)
    + (if $asked.workCenter then {WorkCenter: $asked.workCenter} else {} end)
    + (if $asked.reference then {ReferenceNumber: $asked.reference} else {} end)
    + ([(if $asked.from then {ge: {"$datetime": "\($asked.from)T00:00:00Z"}} else empty end),
        (if $asked.to then {le: {"$datetime": "\($asked.to)T23:59:59.999Z"}} else empty end)]
       | if . == [] then {} else {ConfirmationDateTime: add} end)
    + beyond(confirmation_sort_field; "ConfirmationNumber"; if $sort == "id" then . else {"$datetime": .} end);

# --- materials, as far as the rules ask for them ---

def material_fact:
  {id: .Material, status: (if .IsMarkedForDeletion | truth then "discontinued" else "active" end),
    isProduced: (.MaterialType | IN("FERT", "HALB")), unit: (.BaseUnit | unit)};

# --- what is written ---

# `.` is the list of orders whose operations are taken over: one, or none.
def new_order($request; $plant):
  {
    Material: $request.material,
    ProductionPlant: $plant,
    TotalQuantity: {"$decimal": $request.quantity.value},
    ProductionUnit: ($request.quantity.unit | own_unit),
    OrderText: $request.description,
    OrderPriority: ($request.priority | if . then own_priority else null end),
    OverdeliveryTolerance: (if $request.overdeliveryTolerance then {"$decimal": $request.overdeliveryTolerance} else null end),
    StorageLocation: $request.storageLocation,
    ReferenceNumber: $request.reference,
    PlannedStartDate: {"$date": $request.plannedStart},
    PlannedEndDate: {"$date": $request.plannedEnd},
    to_ProductionOrderOperation: [(.items[0].to_ProductionOrderOperation // [])[]
      | {ManufacturingOrderOperation, WorkCenter, OperationText, StandardTimeMinutes: {"$decimal": (.StandardTimeMinutes // 0 | tostring)}}]
  }
  | present;

# What the server keeps by lot has one, where it is taken from and where it is put; and it counts time in minutes or hours.
def place_for($order): .storageLocation // ($order.StorageLocation | text_or_null);
def confirmation_is_offered($order):
  all(.consumed[]?; .lot != null) and (if .lot then place_for($order) else .storageLocation == null end) and (.lot == null or (.lot | length <= 10))
  and (.duration == null or (.duration.unit | IN("MIN", "HUR")));

def lots_of($plant): {Plant: $plant, Material: {in: ([.consumed[]?.material] + [""])}, Batch: {in: ([.consumed[]?.lot] + [""])}};
def lot_fact: {id: .Batch, material: .Material, status: {FREE: "released", QINS: "in-inspection", BLKD: "blocked"}[.BatchStatus]};
def named_lots($rows): [.consumed[]? | . as $used | first($rows[] | select(.Material == $used.material and .Batch == $used.lot) | lot_fact) // null];

def confirmation_movements($order):
  [(.consumed[]? | {GoodsMovementType: "261", Material: .material, Batch: .lot, StorageLocation: .storageLocation,
      Quantity: {"$decimal": .quantity.value}, EntryUnit: (.quantity.unit | own_unit)}),
   (if .lot and (.yield.value | tonumber) > 0 then {GoodsMovementType: "131", Material: $order.Material, Batch: .lot, StorageLocation: place_for($order),
      Quantity: {"$decimal": .yield.value}, EntryUnit: $order.ProductionUnit} else empty end)]
  | if . == [] then null else . end;

# `$reference` is ours, and the same on every attempt: what an earlier one has left is found by it.
def new_confirmation($request; $order; $reference):
  {
    ExternalReference: $reference,
    ManufacturingOrder: $order.ManufacturingOrder,
    ManufacturingOrderOperation: ($request.operation // ([$order.to_ProductionOrderOperation[].ManufacturingOrderOperation] | max)),
    WorkCenter: $request.workCenter,
    ConfirmationYieldQuantity: {"$decimal": ($request.yield.value // "0")},
    ConfirmationScrapQuantity: (if $request.scrap then {"$decimal": $request.scrap.value} else null end),
    ConfirmationStartDateTime: (if $request.startedAt then {"$datetime": $request.startedAt} else null end),
    ConfirmationDateTime: (if $request.endedAt then {"$datetime": $request.endedAt} else null end),
    ConfirmedDuration: (if $request.duration then {"$decimal": $request.duration.value} else null end),
    ConfirmedDurationUnit: ($request.duration.unit | if . then own_unit else null end),
    ConfirmationText: $request.text,
    ReferenceNumber: $request.reference,
    IsFinalConfirmation: ($request.isFinal // false),
    to_ConfirmationMovement: ($request | confirmation_movements($order))
  }
  | present;
