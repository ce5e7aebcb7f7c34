# Tryton's stock <-> the canonical models of wms; decimals, units and references are erp-production's.

# --- storage locations ---

def location_fields: ["code", "name", "parent.code", "parent.type", "create_date", "write_date", "_timestamp"];

def in_store: [["type", "=", "storage"], ["code", "!=", null]];

def location($plant):
  {
    id: .code,
    plant: $plant,
    description: .name,
    level: "storage-zone",
    parent: (if .parent.type == "storage" then .parent.code else null end),
    status: "available",
    changedAt: changed,
    record: {system: "plant1-erp", id: "stock.location,\(.id)"}
  }
  | present;

def location_domain:
  .parameters as $asked
  | in_store
    + [(if $asked.parent then ["parent.code", "=", $asked.parent] else empty end),
       (if $asked.level == "storage-unit" then ["id", "=", null] else empty end)]
    + beyond_domain("code"; .);

# --- transfers: internal shipments from store to store ---

def transfer_fields: ["number", "reference", "state", "from_location.code", "to_location.code", "planned_date", "effective_date",
  "create_date", "write_date", "_timestamp", "moves.product.code", "moves.lot.number", "moves.lot.id", "moves.quantity", "moves.uom.symbol",
  "moves.uom.digits", "moves.state", "moves._timestamp"];

def between_stores: [["from_location.type", "=", "storage"], ["to_location.type", "=", "storage"],
  ["from_location.code", "!=", null], ["to_location.code", "!=", null]];

def transfer_states: {planned: ["request", "draft", "waiting"], assigned: ["assigned", "shipped"], completed: ["done"], cancelled: ["cancelled"]};

def transfer_version:
  "\(._timestamp)-\([.moves[]._timestamp] | max // "0")-\([.moves[] | select(.state == "done")] | length)-\(.state)";

# Assigning takes a line from more than one place where it has to: told as the one line that was asked for.
def transfer_lines:
  group_by([.product.code, .lot.number])
  | map({material: .[0].product.code, lot: .[0].lot.number, quantity: (.[0].uom as $uom | amount_of(map(.quantity) | add; $uom)), at: (map(.id) | min)} | present)
  | sort_by(.at) | map(del(.at));

def transfer($plant):
  {
    id: .number,
    plant: $plant,
    from: .from_location.code,
    to: .to_location.code,
    status: (.state | status_of(transfer_states)),
    plannedOn: .planned_date,
    completedOn: (if .state == "done" then .effective_date else null end),
    lines: (.moves | transfer_lines),
    reference: (.reference | own_reference),
    changedAt: changed,
    record: {system: "plant1-erp", id: "stock.shipment.internal,\(.id)"}
  }
  | present;

def transfer_sort_field: {id: "number", plannedOn: "planned_date"}[sort_name];

def transfer_domain:
  .parameters as $asked
  | sort_name as $sort
  | between_stores
    + [
      (if $asked.material then ["moves.product.code", "=", $asked.material] else empty end),
      (if $asked.status then ["state", "in", transfer_states[$asked.status]] else empty end),
      (if $asked.reference then $asked.reference | by_reference else empty end),
      (if $asked.from then ["planned_date", ">=", {"$date": $asked.from}] else empty end),
      (if $asked.to then ["planned_date", "<=", {"$date": $asked.to}] else empty end)
    ]
    + beyond_domain(transfer_sort_field; if . == null or $sort == "id" then . else {"$date": .} end);

# --- what the rules ask for ---

def product_fields: ["code", "active", "template.active", "template.lot_required", "default_uom.id", "default_uom.symbol", "default_uom.digits", "cost_price"];

def material: {id: .code, status: (if (.active | truth) and (.template.active | truth) then "active" else "discontinued" end),
  unit: (.default_uom.symbol | unit), isLotManaged: ((.template.lot_required // []) != [])};

def today: now | strftime("%Y-%m-%d");

# Quantities of single places: Tryton would add up what lies below.
def at_place($id): {locations: [$id], with_childs: false, stock_date_end: {"$date": today}};

# `$blocked` is what lies in quarantine.
def lot($blocked): .id as $id | {id: .number, status: (if any($blocked[]; .lot == $id and .quantity > 0) then "blocked" else "released" end)};

def levels($lots; $products):
  [$lots[] | {material: .product.code, lot: .lot.number, onHand: {value: (.quantity | fixed(6)), unit: "-"}}]
  + [$products[] | {material: .product.code, onHand: {value: (.quantity | fixed(6)), unit: "-"}}];

# --- what is written ---

def new_transfer($request; $facts; $key):
  $facts as {$company, $from, $to, $products, $lots}
  | {"$date": ($request.plannedOn // today)} as $day
  | {
      reference: reference($request.reference; $key),
      company: $company.id, from_location: $from.id, to_location: $to.id, planned_date: $day, planned_start_date: $day,
      moves: [["create", [$request.lines[] | . as $line
        | ([$products[] | select(.code == $line.material)] | first) as $product
        | {product: $product.id, uom: $product.default_uom.id, quantity: ($line.quantity.value | tonumber),
           lot: ([$lots[] | select(.number == $line.lot and .product == $product.id) | .id] | first),
           company: $company.id, currency: $company.currency, from_location: $from.id, to_location: $to.id, planned_date: $day}
        | present]]]
    };

# --- counts: lines of inventories that are done ---

def count_fields: ["inventory.number", "inventory.date", "inventory.state", "inventory.location.code", "product.code", "lot.number", "quantity",
  "expected_quantity", "uom.symbol", "uom.digits", "_timestamp"];

def count($plant):
  {
    id: "\(.inventory.number).\(.id)",
    plant: $plant,
    storageLocation: .inventory.location.code,
    material: .product.code,
    lot: .lot.number,
    counted: amount(.quantity),
    book: amount(.expected_quantity),
    difference: amount(.quantity - .expected_quantity),
    status: "posted",
    countedOn: .inventory.date,
    record: {system: "plant1-erp", id: "stock.inventory.line,\(.id)"}
  }
  | present;

def counted: [["inventory.state", "=", "done"], ["quantity", "!=", null]];

def count_sort_field: {id: "id", countedOn: "inventory.date"}[sort_name];

def count_place($field): {v: (if $field == "id" then .id else .inventory.date end), k: .id};

def count_domain:
  .parameters as $asked
  | sort_name as $sort
  | counted
    + [
      (if $asked.storageLocation then ["inventory.location.code", "=", $asked.storageLocation] else empty end),
      (if $asked.material then ["product.code", "=", $asked.material] else empty end),
      (if $asked.reference then ["id", "=", null] else empty end),
      (if $asked.from then ["inventory.date", ">=", {"$date": $asked.from}] else empty end),
      (if $asked.to then ["inventory.date", "<=", {"$date": $asked.to}] else empty end)
    ]
    + beyond_domain(count_sort_field; if $sort == "id" or . == null then . else {"$date": .} end);
