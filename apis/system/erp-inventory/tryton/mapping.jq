# Tryton <-> the canonical models of erp-inventory. Behind common.jq and lists.jq.

# Lists over all plants name none: this is the system's own.
def own_plant($runtime; $input): plant($runtime; $input) | if . == null or . == "" or . == "-" then "1010" else . end;

def unit: {u: "H87", kg: "KGM", g: "GRM", m: "MTR", mm: "MMT", "m²": "MTK", "m³": "MTQ", l: "LTR", min: "MIN", h: "HUR"}[.]
  // error("unit \(.) is not known");
def unit_symbol: {H87: "u", KGM: "kg", GRM: "g", MTR: "m", MMT: "mm", MTK: "m²", MTQ: "m³", LTR: "l", MIN: "min", HUR: "h"}[.]
  // error("unit \(.) is not known");

# Quantities are doubles there: no digit behind the sixth means anything.
def float_text: . * 1000000 | round | . / 1000000 | decimal_text;
def amount($uom): {value: (. | float_text), unit: ($uom.symbol | unit)};

def changed_at: .write_date // .create_date;
def record($model): {system: "plant1-erp", id: "\($model),\(.id)"};

# One text field holds the caller's number and our key: `<number> ~<key>`.
def own_reference: if . == null then null else sub("(^| )~[0-9a-f]{30}$"; "") | text_or_null end;
def keyed_reference($reference; $key): if $reference == null then "~\($key)" else "\($reference) ~\($key)" end;
def reference_domain($field; $reference):
  if $reference == null then [] else [["OR", [$field, "=", $reference], [$field, "like", "\($reference) ~%"]]] end;

def today: now | todate | .[:10];

# --- materials ---

def material_fields: ["code", "active", "template.name", "template.type", "template.producible", "template.purchasable", "template.consumable",
  "template.lot_required", "default_uom.symbol", "cost_price", "write_date", "create_date", "_timestamp"];

def material($plant):
  .template as $t
  | {
      id: .code,
      plant: $plant,
      description: $t.name,
      type: (if $t.type == "service" then "service" elif $t.consumable | truth then "operating-supply"
        elif $t.producible | truth then "finished" else "raw" end),
      unit: (.default_uom.symbol | unit),
      status: (if .active | truth then "active" else "discontinued" end),
      isLotManaged: (($t.lot_required // []) | length > 0),
      isPurchased: ($t.purchasable | truth),
      isProduced: ($t.producible | truth),
      standardCost: (if .cost_price == null then null else {amount: (.cost_price | decimal_text), currency: "EUR"} end),
      changedAt: changed_at,
      record: record("product.product")
    }
  | present;

def material_domain:
  .parameters as $p
  | [["code", "!=", null]]
    + (if $p.type == null then []
       elif $p.type == "service" then [["template.type", "=", "service"]]
       elif $p.type == "operating-supply" then [["template.type", "!=", "service"], ["template.consumable", "=", true]]
       elif $p.type == "finished" then [["template.type", "!=", "service"], ["template.consumable", "!=", true], ["template.producible", "=", true]]
       elif $p.type == "raw" then [["template.type", "!=", "service"], ["template.consumable", "!=", true], ["template.producible", "!=", true]]
       else [["id", "=", -1]] end)
    + (if $p.status == null then [["active", "in", [true, false]]]
       elif $p.status == "active" then [["active", "=", true]]
       elif $p.status == "discontinued" then [["active", "=", false]]
       else [["id", "=", -1]] end)
    + (if $p.materialClass then [["id", "=", -1]] else [] end) # not kept there
    + since_domain;

# --- lots ---

def lot_fields: ["number", "product.code", "product.default_uom.symbol", "quantity", "write_date", "create_date", "_timestamp"];

# `$blocked`: the ids of those that lie in quarantine.
def lot($plant; $blocked):
  .id as $id
  | {
      id: .number,
      plant: $plant,
      material: .product.code,
      status: (if $blocked | index($id) then "blocked" else "released" end),
      quantity: (if .quantity == null or .quantity < 0 then null else (.product.default_uom as $uom | .quantity | amount($uom)) end),
      changedAt: changed_at,
      record: record("stock.lot")
    }
  | present;

# Neither what is left of a lot nor where it lies changes its own record.
def lot_version($blocked): .id as $id | "\(._timestamp)-\(.quantity // 0)-\(if $blocked | index($id) then "b" else "r" end)";

def lot_domain($blocked):
  .parameters as $p
  | equal_domain("product.code"; $p.material)
    + (if $p.supplier or $p.expiresBefore or $p.status == "in-inspection" then [["id", "=", -1]] else [] end) # not kept there
    + (if $p.status == "blocked" then [["id", "in", $blocked]] elif $p.status == "released" then [["id", "not in", $blocked]] else [] end)
    + since_domain;

# --- what lies where ---

def place_domain: [["type", "=", "storage"], ["parent", "!=", null], ["code", "!=", null]] + equal_domain("code"; .parameters.storageLocation);
def stock_at($place; $assigned): {locations: [$place.id], with_childs: false, stock_date_end: {"$date": today}, stock_assign: $assigned};
def stocked_lot_domain: [["quantity", "!=", 0]] + equal_domain("product.code"; .parameters.material) + equal_domain("number"; .parameters.lot);
def stocked_product_domain: [["quantity", "!=", 0]] + equal_domain("code"; .parameters.material)
  + (if .parameters.lot then [["id", "=", -1]] else [] end);

# Rows of one place, as the lots or the products there are told.
def lot_rows($place): [.[] | {place: $place.code, material: .product.code, lot: .number, uom: .product.default_uom, quantity}];
def product_rows($place): [.[] | select((.template.lot_required // []) | length == 0)
  | {place: $place.code, material: .code, uom: .default_uom, quantity}];

# `$blocked`: the numbers of blocked lots by material.
def levels($plant; $free; $blocked; $now):
  (reduce $free[] as $row ({}; .["\($row.place) \($row.material) \($row.lot)"] = $row.quantity)) as $rest
  | map(
      . as $row
      | ($rest["\(.place) \(.material) \(.lot)"] // 0) as $left
      | (any($blocked[]; .material == $row.material and .lot == $row.lot)) as $is_blocked
      | {
          plant: $plant,
          material: .material,
          storageLocation: .place,
          lot: .lot,
          lotStatus: (if .lot == null then null elif $is_blocked then "blocked" else "released" end),
          onHand: (.uom as $uom | .quantity | amount($uom)),
          reserved: (.uom as $uom | [.quantity - $left, 0] | max | amount($uom)),
          available: (.uom as $uom | (if $is_blocked then 0 else [$left, 0] | max end) | amount($uom)),
          asOf: $now
        }
      | present);

# The page of rows that stand in their order.
def level_page($input):
  ($input.parameters.sort // "material") as $sort
  | (if $sort | endswith("storageLocation") then sort_by([.storageLocation, .material, .lot]) else sort_by([.material, .storageLocation, .lot]) end)
  | (if $sort | startswith("-") then reverse else . end)
  | ($input | cursor | if . == null then 0 else .o end) as $before
  | .[$before:]
  | counted_page($input; .);

# --- movements ---

def movement_fields: ["product.code", "quantity", "uom.symbol", "lot.number", "from_location.code", "from_location.type", "to_location.code",
  "to_location.type", "origin", "state", "effective_date", "shipment", "production_input.number", "production_output.number",
  "purchase.number", "_timestamp"];

def movement_type:
  .from_location.type as $from
  | .to_location.type as $to
  | if .origin // "" | startswith("stock.inventory.line,") then (if $to == "storage" then "count-gain" else "count-loss" end)
    elif $from == "storage" and $to == "storage" then "transfer"
    elif $to == "storage" then "receipt"
    elif $to == "supplier" then "return"
    elif $to == "lost_found" then "scrap"
    else "issue" end;

# `$shipments`: {"stock.shipment.in,1": {number, reference}}. `$reversals`: moves that have a move as their origin; those
# of a shipment have it, too (from the input zone to storage), and take nothing back.
def movement($plant; $shipments; $reversals):
  . as $move
  | (if .shipment then $shipments[.shipment] else null end) as $shipment
  | ([$reversals[] | select(.origin == "stock.move,\($move.id)")] | first) as $by
  | {
      id: (.id | tostring),
      plant: $plant,
      type: movement_type,
      material: .product.code,
      lot: .lot.number,
      quantity: (.uom as $uom | .quantity | amount($uom)),
      from: (if .from_location.type == "storage" then .from_location.code else null end),
      to: (if .to_location.type == "storage" then .to_location.code else null end),
      productionOrder: (.production_input.number // .production_output.number),
      purchaseOrder: .purchase.number,
      delivery: (if .shipment // "" | startswith("stock.shipment.in,") then $shipment.number else null end),
      reference: ($shipment.reference | own_reference),
      status: (if $by then "reversed" else "posted" end),
      reverses: (if .shipment == null and (.origin // "" | startswith("stock.move,")) then .origin | ltrimstr("stock.move,") else null end),
      reversedBy: (if $by then $by.id | tostring else null end),
      postedOn: .effective_date,
      record: record("stock.move")
    }
  | present;

def movement_field: {id: "id", postedOn: "effective_date"}[sort_name];
def movement_domain:
  .parameters as $p
  | [["state", "=", "done"], ["effective_date", "!=", null]]
    + equal_domain("product.code"; $p.material) + equal_domain("lot.number"; $p.lot)
    + equal_domain("purchase.number"; $p.purchaseOrder)
    + (if $p.productionOrder then [["OR", ["production_input.number", "=", $p.productionOrder], ["production_output.number", "=", $p.productionOrder]]] else [] end)
    + (if $p.reference then [["OR"] + [("stock.shipment.internal", "stock.shipment.in")
        | ["shipment.reference", "=", $p.reference, .], ["shipment.reference", "like", "\($p.reference) ~%", .]]] else [] end)
    + day_domain("effective_date")
    + (["origin", "not like", "stock.inventory.line,%"] as $uncounted
       | [["OR", ["origin", "=", null], $uncounted]] as $other
       | {
           receipt: ($other + [["to_location.type", "=", "storage"], ["from_location.type", "!=", "storage"]]),
           issue: [["from_location.type", "=", "storage"], ["to_location.type", "in", ["production", "customer"]]],
           transfer: [["from_location.type", "=", "storage"], ["to_location.type", "=", "storage"]],
           scrap: ($other + [["to_location.type", "=", "lost_found"]]),
           return: [["to_location.type", "=", "supplier"]],
           "count-gain": [["origin", "like", "stock.inventory.line,%"], ["to_location.type", "=", "storage"]],
           "count-loss": [["origin", "like", "stock.inventory.line,%"], ["from_location.type", "=", "storage"]]
         }[$p.type // ""] // []);

def shipment_ids($model): [.[].shipment // empty | select(startswith($model + ",")) | ltrimstr($model + ",") | tonumber] | unique | if length == 0 then [-1] else . end;
def shipments($model): map({key: "\($model),\(.id)", value: .}) | from_entries;

# --- reservations ---

def reservation_fields: ["number", "state", "reference", "planned_date", "from_location.code", "moves.product.code", "moves.lot.number",
  "moves.quantity", "moves.uom.symbol", "moves.state", "write_date", "create_date", "_timestamp"];

def reservation($plant):
  .moves[0] as $move
  | {
      id: .number,
      plant: $plant,
      material: $move.product.code,
      lot: $move.lot.number,
      storageLocation: .from_location.code,
      quantity: ([.moves[].quantity] | add | amount($move.uom)),
      withdrawn: ([.moves[] | select(.state == "done") | .quantity] | add // 0 | amount($move.uom)),
      requiredOn: .planned_date,
      status: ({assigned: "open", done: "fulfilled", cancelled: "cancelled"}[.state] // "open"),
      reference: (.reference | own_reference),
      changedAt: changed_at,
      record: record("stock.shipment.internal")
    }
  | present;

# Reservations are what is assigned for the output zone.
def reservation_field: {id: "number", requiredOn: "planned_date"}[sort_name];
def reservation_domain:
  .parameters as $p
  | [["to_location.code", "=", "OUT"], ["state", "in", (if $p.status then {open: ["assigned"], fulfilled: ["done"], cancelled: ["cancelled"]}[$p.status] else ["assigned", "done", "cancelled"] end)]]
    + equal_domain("moves.product.code"; $p.material) + reference_domain("reference"; $p.reference)
    + (if $p.productionOrder or $p.costCenter then [["id", "=", -1]] else [] end); # not kept there

# --- writes ---

# What a write names: the one lot, or the product that has none.
def named_lot_domain: .body as $b | [["product.code", "=", $b.material], ["number", "=", ($b.lot // "")]];
def named_product_domain: .body as $b | [["code", "=", $b.material]] + (if $b.lot then [["id", "=", -1]] else [] end);

def place_id($places; $code): [$places[] | select(.code == $code and .type == "storage") | .id] | first;
def place_of_type($places; $type): [$places[] | select(.type == $type) | .id] | first;

def is_count: .type | IN("count-gain", "count-loss");

# Issues are to an order; receipts for a purchase order are deliveries, and nothing is returned. Text is not kept, a day but
# today neither, nor the reference of a count.
def movement_is_offered:
  (.type | IN("receipt", "transfer", "scrap", "count-gain", "count-loss") or (. == "issue")) and (.type != "issue" or .productionOrder != null)
  and (is_count and .reference != null | not)
  and .purchaseOrder == null and .costCenter == null and (.type == "issue" or .productionOrder == null)
  and (.type != "issue" or .reference == null) and (.postedOn == null or .postedOn == today);

def move_values($context; $from; $to):
  {product: $context.product.id, uom: $context.uom.id, quantity: (.quantity.value | tonumber), lot: $context.lot.id, from_location: $from, to_location: $to};

def shipment_values($context; $key; $from; $to; $day):
  {
    reference: keyed_reference(.reference; $key),
    from_location: $from, to_location: $to,
    planned_date: {"$date": $day}, planned_start_date: {"$date": $day},
    moves: [["create", [move_values($context; $from; $to)]]]
  };

def reservation_values($context; $key):
  shipment_values($context; $key; place_id($context.places; .storageLocation); place_id($context.places; "OUT"); .requiredOn // today);

def movement_values($context; $key):
  place_of_type($context.places; "lost_found") as $lost
  | shipment_values($context; $key;
      (if .from then place_id($context.places; .from) else $lost end); (if .to then place_id($context.places; .to) else $lost end); today);

# What lies there after the count.
def count_values($context):
  {
    location: $context.there.id, date: {"$date": today}, empty_quantity: "keep",
    lines: [["create", [{product: $context.product.id, lot: $context.lot.id,
      quantity: ($context.there.quantity + (.quantity.value | tonumber) * (if .type == "count-gain" then 1 else -1 end) | . * 1000000 | round / 1000000)}]]]
  };

def input_values($context):
  move_values($context; place_id($context.places; .from); place_of_type($context.places; "production"))
  + {production_input: $context.order.id};

def production_status:
  {id: .number, status: ({request: "planned", draft: "planned", waiting: "released", assigned: "released", running: "started", done: "completed", cancelled: "cancelled"}[.state])};

def reversal_values:
  {product: .product.id, uom: .uom.id, quantity, lot: .lot.id, from_location: .to_location.id, to_location: .from_location.id,
   origin: "stock.move,\(.id)", company, currency,
   unit_price: (if .unit_price then {"$decimal": .unit_price} else null end)};
