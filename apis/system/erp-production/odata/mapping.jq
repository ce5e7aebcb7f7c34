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

def is_begun: [.to_ProductionOrderOperation[]? | .OperationStatus // "OPEN"] | any(. != "OPEN");

def order_status:
  if .OrderStatus == "REL" and is_begun then "started"
  else {CRTD: "planned", REL: "released", CNF: "started", TECO: "completed", CANC: "cancelled"}[.OrderStatus] end;

def operation_status($order): if $order.OrderStatus == "CRTD" then "planned" else {OPEN: "released", PCNF: "started", CNF: "completed"}[.OperationStatus // "OPEN"] end;

def operation($order):
  {
    line: .ManufacturingOrderOperation,
    description: (.OperationText | text_or_null),
    workCenter: (.WorkCenter | text_or_null),
    status: operation_status($order),
    plannedDuration: (if .StandardTimeMinutes == null then null else {value: times(.StandardTimeMinutes; $order.TotalQuantity), unit: "MIN"} end),
    confirmed: amount(.ConfirmedYieldQuantity; $order.ProductionUnit),
    scrapped: amount(.ConfirmedScrapQuantity; $order.ProductionUnit),
    record: {system: "cloud-erp", id: "A_ProductionOrderOperation(ManufacturingOrder='\(.ManufacturingOrder)',ManufacturingOrderOperation='\(.ManufacturingOrderOperation)')"}
  }
  | present;

def order_head($plant):
  {
    id: .ManufacturingOrder,
    plant: $plant,
    material: .Material,
    quantity: amount(.TotalQuantity; .ProductionUnit),
    confirmed: amount(.ConfirmedQuantity; .ProductionUnit),
    scrapped: amount(.ScrapQuantity; .ProductionUnit),
    overdeliveryTolerance: "10",
    status: order_status,
    plannedStart: .PlannedStartDate,
    plannedEnd: .PlannedEndDate,
    startedOn: (if .OrderStatus == "CRTD" then null else .ActualStartDateTime | if . then .[:10] else null end end),
    completedOn: (if .OrderStatus | IN("TECO", "CNF") then .ActualEndDateTime | if . then .[:10] else null end else null end),
    changedAt: .LastChangeDateTime,
    record: {system: "cloud-erp", id: "A_ProductionOrder('\(.ManufacturingOrder)')"}
  }
  | present;

# `$bill` is the material's, `$taken` what was posted to the order.
def order($plant; $bill; $taken):
  . as $order
  | order_head($plant) + {
      operations: [.to_ProductionOrderOperation | sort_by(.ManufacturingOrderOperation)[] | operation($order)],
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
        started: "(OrderStatus eq 'CNF' or OrderStatus eq 'REL' and \($begun))", completed: "OrderStatus eq 'TECO'",
        closed: "false", cancelled: "OrderStatus eq 'CANC'"}[$asked.status // ""] // empty),
      (if $asked.priority or $asked.reference then "false" else empty end),
      (if $asked.from then "PlannedStartDate ge \($asked.from)" else empty end),
      (if $asked.to then "PlannedStartDate le \($asked.to)" else empty end),
      (if $asked.changedSince then "LastChangeDateTime ge \($asked.changedSince)" else empty end),
      (if $at == null then empty
       else "(\($field) \($after) \($value) or \($field) eq \($value) and ManufacturingOrder \($after) \($at.k | quoted))" end)
    ]
  | join(" and ");

def order_place($field): {v: .[$field], k: .ManufacturingOrder};

# --- confirmations ---

def confirmation($plant):
  {
    id: .ConfirmationNumber,
    plant: $plant,
    productionOrder: .ManufacturingOrder,
    operation: .ManufacturingOrderOperation,
    workCenter: (.WorkCenter | text_or_null),
    yield: amount(.ConfirmationYieldQuantity; .ConfirmationUnit),
    scrap: amount(.ConfirmationScrapQuantity; .ConfirmationUnit),
    isFinal: (.IsFinalConfirmation | truth),
    status: "posted",
    postedAt: .ConfirmationDateTime,
    record: {system: "cloud-erp", id: "A_ProductionConfirmation('\(.ConfirmationNumber)')"}
  }
  | present;

# --- materials, as far as the rules ask for them ---

def material_fact:
  {id: .Material, status: (if .IsMarkedForDeletion | truth then "discontinued" else "active" end),
    isProduced: (.MaterialType | IN("FERT", "HALB")), unit: (.BaseUnit | unit)};
