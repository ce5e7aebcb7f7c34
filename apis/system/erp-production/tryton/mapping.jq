# Tryton <-> the canonical models of erp-production. The functions with `_fields` are what is asked for.

# --- values ---

# A float as a decimal of so many digits: 2.5 with 3 is "2.500".
def fixed($digits):
  (if . < 0 then "-" else "" end) as $sign
  | (if . < 0 then -. else . end) * pow(10; $digits) | round | tostring
  | if $digits == 0 then . else ("0" * ($digits + 1 - length) // "") + . | .[:-$digits] + "." + .[-$digits:] end
  | $sign + .;

def unit: {"u": "H87", "kg": "KGM", "g": "GRM", "m": "MTR", "mm": "MMT", "m²": "MTK", "m³": "MTQ", "l": "LTR", "min": "MIN", "h": "HUR"}[.]
  // error("the unit \(.) is not known");

def amount_of($value; $uom): {value: ($value | fixed($uom.digits)), unit: ($uom.symbol | unit)};

def amount($value): .uom as $uom | amount_of($value; $uom);

# Ours stands behind the caller's: "LS-77 ~8f3a...".
def own_reference: if . == null then null else sub(" ?~[0-9a-f]{30}$"; "") | text_or_null end;

def reference($own; $key): ([$own | select(. != null)] + ["~" + $key]) | join(" ");

def escaped: gsub("(?<c>[%_\\\\])"; "\\\(.c)");

def by_reference: ["OR", [["reference", "=", .]], [["reference", "like", (escaped + " ~%")]]];

def changed: .write_date // .create_date;

def changed_since: ["OR", [["write_date", ">=", {"$datetime": .}]], [["write_date", "=", null], ["create_date", ">=", {"$datetime": .}]]];

# --- orders ---

def head_fields: ["number", "reference", "state", "product.code", "quantity", "uom.symbol", "uom.digits", "planned_start_date",
  "planned_date", "effective_start_date", "effective_date", "create_date", "write_date", "_timestamp",
  "outputs.state", "outputs.quantity", "outputs.to_location.code", "outputs._timestamp",
  "inputs.state", "inputs.quantity", "inputs.origin", "inputs._timestamp"];

def operation_fields: ["sequence", "state", "operation.name", "work_center.name", "create_date", "write_date", "_timestamp",
  "cycles.state", "cycles.duration", "cycles.create_date", "cycles.write_date", "cycles._timestamp"];

def order_fields: head_fields + ["company", "location", "inputs.product.code", "inputs.uom.symbol", "inputs.uom.digits",
  "inputs.lot.number", "inputs.from_location.code"]
  + (operation_fields | map("works." + .));

def states: {
  planned: ["request", "draft"], released: ["waiting", "assigned"], started: ["running"], completed: ["done"], closed: [], cancelled: ["cancelled"]};

def status_of($states): . as $state | $states | to_entries | map(select(.value | index($state))) | first.key;

def is_open: .state | IN("done", "cancelled") | not;

# What was confirmed and taken back is an input again, with the output as its origin.
def takes_back: .origin // "" | startswith("stock.move,");
def confirmed_sum:
  ([.outputs[] | select(.state == "done") | .quantity] | add // 0)
  - ([.inputs[] | select(.state == "done" and takes_back) | .quantity] | add // 0)
  | . * 1000000 | round / 1000000;

# What has parts changes with each of them; `_timestamp` counts seconds, so the state stands beside it.
def version:
  [(.inputs, .outputs, .works) // [] | .[]] as $parts
  | "\(._timestamp)-\([$parts[]._timestamp] | max // "0")-\([$parts[] | select(is_open | not)] | length)-\(.state)";

def operation_status: {request: "planned", draft: "released", waiting: "released", running: "started", finished: "completed", done: "completed"}[.];

def operation:
  [.cycles[] | select(.state == "done")] as $done
  | {
      line: (.sequence | tostring),
      description: .operation.name,
      workCenter: .work_center.name,
      status: (.state | operation_status),
      actualDuration: (if $done == [] then null else {value: ([$done[].duration] | add / 60 | fixed(3)), unit: "MIN"} end),
      startedAt: ([.cycles[] | select(.state != "cancelled") | .create_date] | min),
      completedAt: (if .state | IN("finished", "done") then [$done[] | changed] | max else null end),
      changedAt: changed,
      record: {system: "plant1-erp", id: "production.work,\(.id)"}
    }
  | present;

def component($line):
  {
    line: ($line | tostring),
    material: .product.code,
    required: amount(.quantity),
    withdrawn: amount(if .state == "done" then .quantity else 0 end),
    storageLocation: (.from_location.code | text_or_null),
    lot: .lot.number
  }
  | present;

def order_head($plant):
  .uom as $uom
  | {
      id: .number,
      plant: $plant,
      material: .product.code,
      quantity: amount(.quantity),
      confirmed: amount_of(confirmed_sum; $uom),
      status: (.state | status_of(states)),
      plannedStart: .planned_start_date,
      plannedEnd: .planned_date,
      startedOn: (if .state | IN("running", "done") then .effective_start_date else null end),
      completedOn: (if .state == "done" then .effective_date else null end),
      storageLocation: ([.outputs[] | select(is_open) | .to_location.code] | first | text_or_null),
      reference: (.reference | own_reference),
      changedAt: changed,
      record: {system: "plant1-erp", id: "production,\(.id)"}
    }
  | present;

def order($plant):
  order_head($plant) + {
    operations: [.works | sort_by(.sequence)[] | operation],
    components: [.inputs | map(select(.state != "cancelled" and (takes_back | not))) | sort_by(.id) | to_entries[] | .key as $at | .value | component($at + 1)]
  };

def order_sort_field: {id: "number", plannedStart: "planned_start_date", plannedEnd: "planned_date", changedAt: "write_date"}[sort_name];

# The filters of a list, and what lies beyond the page before.
def order_domain:
  .parameters as $asked
  | sort_name as $sort
  | [
      (if $asked.material then ["product.code", "=", $asked.material] else empty end),
      (if $asked.status then ["state", "in", states[$asked.status]] else empty end),
      (if $asked.priority then ["id", "=", null] else empty end),
      (if $asked.reference then $asked.reference | by_reference else empty end),
      (if $asked.from then ["planned_start_date", ">=", {"$date": $asked.from}] else empty end),
      (if $asked.to then ["planned_start_date", "<=", {"$date": $asked.to}] else empty end),
      (if $asked.changedSince then $asked.changedSince | changed_since else empty end)
    ]
    + beyond_domain(order_sort_field;
        if . == null or $sort == "id" then . elif $sort == "changedAt" then {"$datetime": .} else {"$date": .} end);

def order_place($field): {v: .[$field], k: .id};

# --- confirmations: moves of an order's output that are done ---

def confirmation_fields: ["quantity", "uom.symbol", "uom.digits", "lot.number", "to_location.code", "write_date", "create_date", "_timestamp",
  "production_output.number", "production_output.state", "production_output.inputs.origin", "production_output.inputs.state"];

# The input that took a confirmation back, if one did.
def reversal:
  "stock.move,\(.id)" as $origin
  | [.production_output.inputs[]? | select(.origin == $origin and .state == "done") | .id] | first;

def confirmation_version: "\(._timestamp)-\(reversal // 0)";

def confirmation($plant):
  reversal as $reversal
  | {
    id: (.id | tostring),
    plant: $plant,
    productionOrder: .production_output.number,
    yield: amount(.quantity),
    lot: .lot.number,
    storageLocation: (.to_location.code | text_or_null),
    isFinal: (.production_output.state == "done"),
    status: (if $reversal == null then "posted" else "reversed" end),
    reversedBy: (if $reversal == null then null else $reversal | tostring end),
    postedAt: changed,
    record: {system: "plant1-erp", id: "stock.move,\(.id)"}
  }
  | present;

def confirmation_sort_field: {id: "id", postedAt: "write_date"}[sort_name];

def confirmation_domain:
  .parameters as $asked
  | sort_name as $sort
  | [
      ["production_output", "!=", null],
      ["state", "=", "done"],
      (if $asked.productionOrder then ["production_output.number", "=", $asked.productionOrder] else empty end),
      (if $asked.workCenter or $asked.reference then ["id", "=", null] else empty end),
      (if $asked.from then ["effective_date", ">=", {"$date": $asked.from}] else empty end),
      (if $asked.to then ["effective_date", "<=", {"$date": $asked.to}] else empty end)
    ]
    + beyond_domain(confirmation_sort_field; if $sort == "id" or . == null then . else {"$datetime": .} end);

# What is confirmed becomes an output of its own, made after the open one ...
def output_values($request; $open; $place; $lot):
  {
    production_output: .id, product: $open.product, uom: $open.uom, quantity: ($request.yield.value | tonumber), company: $open.company,
    currency: $open.currency, from_location: $open.from_location, to_location: ($place // $open.to_location),
    unit_price: (if $open.unit_price == null then null else {"$decimal": $open.unit_price} end),
    planned_date: (if $open.planned_date then {"$date": $open.planned_date} else null end), lot: $lot
  };

# ... which is lowered by it, or dropped.
def lowered_output($request; $open):
  ($open.quantity - ($request.yield.value | tonumber) | . * 1000000 | round / 1000000) as $rest
  | {outputs: [if $rest > 0 then ["write", [$open.id], {quantity: $rest}] else ["delete", [$open.id]] end]};

# --- what a confirmation used: inputs, in place of those that the order has of the same materials ---

def is_used: .consumed // [] | length > 0;

# Whether the order has taken one of these materials from stock already.
def has_taken($used):
  [.inputs[] | select(.state == "done" and (takes_back | not)) | .product.code] as $taken | any($used[]?; .material | IN($taken[]));

# Of the context: what is there of what is named. `lot` is false where one is named that is not there.
def used_rows($used):
  . as {$products, $places, $lots}
  | [$used[] | . as $one
      | ([$products[] | select(.code == $one.material)] | first) as $product
      | {
          product: $product.id,
          uom: (if $product and ($product.default_uom.symbol | unit) == $one.quantity.unit then $product.default_uom.id else null end),
          quantity: ($one.quantity.value | tonumber),
          from_location: ([$places[] | select(.code == $one.storageLocation) | .id] | first),
          lot: (if $one.lot == null then null
            else [$lots[] | select(.number == $one.lot and .product.code == $one.material) | .id] | first // false end)
        }];
def used_lots($blocked):
  [.lots[] | .id as $id | {id: .number, material: .product.code, status: (if $id | IN($blocked[]) then "blocked" else "released" end)}];

def using($used):
  .company as $company | .location as $hall
  | [$used[].product] as $products
  | [.inputs[] | select(is_open and (.product.id | IN($products[]))) | .id] as $planned
  | {inputs: ((if $planned == [] then [] else [["delete", $planned]] end)
      + [["create", [$used[] | . + {company: $company, to_location: $hall}]]])};

# --- a confirmation that is taken back ---

def taken_fields: confirmation_fields + ["product", "uom", "lot", "from_location", "to_location", "company", "currency", "unit_price",
  "production_output.quantity", "production_output.outputs.state", "production_output.outputs.quantity",
  "production_output.outputs._timestamp", "production_output.inputs.quantity"];

def price: if .unit_price == null then null else {"$decimal": .unit_price} end;

# The order's open output as it is to be once the confirmation is taken back: what is left of the order. It does not
# matter how often that is written.
def left_open: .quantity as $back | .production_output | .quantity - (confirmed_sum - $back) | . * 1000000 | round / 1000000;

def taking_back:
  {
    product, uom: .uom.id, quantity, lot: .lot.id, company, currency, unit_price: price,
    from_location: .to_location.id, to_location: .from_location, origin: "stock.move,\(.id)",
    production_input: .production_output.id
  };
def open_again:
  {
    product, uom: .uom.id, quantity: left_open, company, currency, unit_price: price,
    from_location, to_location: .to_location.id, production_output: .production_output.id
  };

# --- materials, as far as the rules ask for them ---

def material_fields: ["code", "active", "cost_price", "default_uom.symbol", "default_uom.digits", "template.active", "template.producible", "boms"];

def material_fact:
  {id: .code, status: (if (.active | truth) and (.template.active | truth) then "active" else "discontinued" end),
    isProduced: (.template.producible | truth), unit: (.default_uom.symbol | unit)};

# --- a new order, with all that Tryton's own client would fill in ---

def rounded($digits): . * pow(10; $digits) | ceil / pow(10; $digits);

# `.` is what was asked for at once: places, bill, company, the work centre that stands for the plant.
def new_order($request; $product; $key):
  . as [$places, [$bill], [$company], [$whole]]
  | ([$places[] | select(.type == "warehouse")] | first) as $warehouse
  | (([$places[] | select(.type == "storage")] | first | .id) // $warehouse.storage_location) as $store
  | ($request.quantity.value | tonumber) as $quantity
  | ({"$date": $request.plannedEnd}) as $until
  | {company: $company.id, currency: $company.currency, planned_date: $until} as $common
  | {
      reference: reference($request.reference; $key),
      company: $company.id, warehouse: $warehouse.id, location: $warehouse.production_location,
      product: $product.id, uom: $product.default_uom.id, quantity: $quantity,
      bom: $bill.bom.id, routing: $bill.routing, work_center: $whole.id,
      planned_start_date: {"$date": $request.plannedStart}, planned_date: $until,
      inputs: [["create", [$bill.bom.inputs[]? | $common + {
        product, uom: .uom.id,
        quantity: (.uom.digits as $digits | .quantity * $quantity / $bill.bom.outputs[0].quantity | rounded($digits)),
        from_location: $warehouse.storage_location, to_location: $warehouse.production_location
      }]]],
      outputs: [["create", [$common + {
        product: $product.id, uom: $product.default_uom.id, quantity: $quantity, unit_price: {"$decimal": $product.cost_price},
        from_location: $warehouse.production_location, to_location: $store
      }]]]
    };
