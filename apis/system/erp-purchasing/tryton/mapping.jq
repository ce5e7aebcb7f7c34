# Tryton <-> the canonical models of erp-purchasing. Behind common.jq, lists.jq and the mapping of erp-inventory.

# --- purchase orders ---

def order_fields: ["number", "party.code", "currency.code", "state", "untaxed_amount", "purchase_date", "delivery_date", "reference",
  "lines.product.code", "lines.quantity", "lines.unit.symbol", "lines.unit_price", "lines.delivery_date_store", "lines.note", "lines.type",
  "lines.moves.state", "lines.moves.quantity", "lines.moves.planned_date", "lines.moves._timestamp", "lines._timestamp", "write_date",
  "create_date", "_timestamp"];

def said: (.note // "" | split("\n") | map(select(test("^(accepted|changed|rejected) "))) | last) as $line
  | if $line then {answer: ($line | split(" ")[0]), reference: ($line | sub("^[a-z]+ "; ""))} else null end;

def order_line($order; $at):
  .unit as $uom
  | said as $said
  | [.moves[]? | select(.state == "done") | .quantity] as $done
  | ($done | add // 0) as $received
  | ([.moves[]? | select(.state == "draft")] | first) as $open
  | {
      line: ($at + 1 | tostring),
      material: .product.code,
      quantity: (.quantity | amount($uom)),
      price: {amount: (.unit_price | decimal_text), currency: $order.currency.code},
      deliverOn: (.delivery_date_store // $order.delivery_date),
      confirmed: (if $said != null and $said.answer != "rejected" and $open != null and $open.planned_date != null
        then {quantity: ($open.quantity | amount($uom)), deliverOn: $open.planned_date} else null end),
      received: ($received | amount($uom)),
      status: (if $order.state == "cancelled" or $said.answer == "rejected" then "cancelled"
        elif $received >= .quantity then "received"
        elif $received > 0 then "partly-received"
        elif $said != null then "confirmed"
        else "open" end)
    }
  | present;

def order_lines: . as $order | [.lines | to_entries[] | select(.value.type == "line") | .key as $at | .value | order_line($order; $at)];

def purchase_order($plant):
  order_lines as $lines
  | {
      id: .number,
      plant: $plant,
      supplier: .party.code,
      status: (if .state == "processing" and all($lines[]; .status != "open") then "confirmed"
        else {draft: "draft", quotation: "draft", confirmed: "sent", processing: "sent", done: "completed", cancelled: "cancelled"}[.state] end),
      currency: .currency.code,
      total: (if .untaxed_amount == null then null else {amount: (.untaxed_amount | decimal_text), currency: .currency.code} end),
      orderedOn: .purchase_date,
      lines: $lines,
      reference: (.reference | own_reference),
      changedAt: changed_at,
      record: record("purchase.purchase")
    }
  | present;

def order_version:
  [._timestamp, ([.lines[] | ._timestamp, (.moves[]? | ._timestamp)] | max), ([.lines[].moves[]? | select(.state == "done")] | length)]
  | map(tostring) | join("-");

def order_field: {id: "number", orderedOn: "purchase_date"}[sort_name];
def order_domain:
  .parameters as $p
  | [["number", "!=", null]]
    + equal_domain("party.code"; $p.supplier) + equal_domain("lines.product.code"; $p.material)
    + reference_domain("reference"; $p.reference) + day_domain("purchase_date") + since_domain
    + (if $p.status then [["state", "in", {draft: ["draft", "quotation"], sent: ["confirmed", "processing"], confirmed: ["processing"],
        completed: ["done"], cancelled: ["cancelled"]}[$p.status]]] else [] end);

def confirmations($plant):
  order_lines as $lines
  | . as $order
  | [.lines | to_entries[] | select(.value.type == "line") | .key as $at | .value
      | said as $said
      | select($said != null)
      | ([$lines[] | select(.line == ($at + 1 | tostring))] | first) as $line
      | {
          plant: $plant,
          purchaseOrder: $order.number,
          line: $line.line,
          supplier: $order.party.code,
          answer: $said.answer,
          quantity: (if $said.answer == "rejected" then null else $line.confirmed.quantity end),
          deliverOn: (if $said.answer == "rejected" then null else $line.confirmed.deliverOn end),
          reference: $said.reference,
          record: {system: "plant1-erp", id: "purchase.line,\(.id)"}
        }
      | present];

# Whether the order's line has this as what was last said of it.
def has_said($input):
  $input.body as $new
  | [confirmations("-")[] | select(.line == $input.parameters.line)] | first
  | . != null and .answer == $new.answer and .reference == $new.reference
    and ($new.answer == "rejected"
      or .deliverOn == $new.deliverOn and (.quantity.value // "0" | tonumber) == ($new.quantity.value | tonumber));

# Whether the line's open move is as it was promised.
def has_promise($input):
  $input.body as $new
  | [.lines[$input.parameters.line | tonumber - 1].moves[]? | select(.state == "draft")] | first
  | . != null and .quantity == ($new.quantity.value // "-1" | tonumber) and .planned_date == $new.deliverOn;

# --- deliveries ---

def delivery_fields: ["number", "supplier.code", "state", "reference", "planned_date", "effective_date", "incoming_moves.origin",
  "incoming_moves.product.code", "incoming_moves.quantity", "incoming_moves.uom.symbol", "incoming_moves.lot.number",
  "incoming_moves.state", "incoming_moves.purchase.number", "incoming_moves.purchase.lines", "incoming_moves._timestamp", "write_date",
  "create_date", "_timestamp"];

def delivery_lines: [.incoming_moves | sort_by(.id) | to_entries[] | .key as $at | .value | . + {line: ($at + 1 | tostring)}];

def delivery($plant):
  {
    id: .number,
    plant: $plant,
    supplier: .supplier.code,
    status: ({draft: "announced", received: "received", done: "received", cancelled: "cancelled"}[.state]),
    reference: (.reference | own_reference),
    expectedOn: .planned_date,
    receivedOn: .effective_date,
    lines: [delivery_lines[] | (.uom as $uom | .quantity | amount($uom)) as $quantity
      | (.origin // "" | if startswith("purchase.line,") then ltrimstr("purchase.line,") | tonumber else null end) as $origin
      | (if $origin == null then null else .purchase.lines | index($origin) end) as $at
      | {
          line,
          purchaseOrder: .purchase.number,
          purchaseOrderLine: (if $at == null then null else $at + 1 | tostring end),
          material: .product.code,
          quantity: $quantity,
          lot: .lot.number,
          received: (if .state == "done" then $quantity else null end)
        }
      | present],
    changedAt: changed_at,
    record: record("stock.shipment.in")
  }
  | present;

def delivery_version:
  [._timestamp, ([.incoming_moves[]._timestamp] | max), ([.incoming_moves[] | select(.state == "done")] | length)] | map(tostring) | join("-");

def delivery_field: {id: "number", expectedOn: "planned_date"}[sort_name];
def delivery_domain:
  .parameters as $p
  | [["number", "!=", null]] + equal_domain("supplier.code"; $p.supplier) + reference_domain("reference"; $p.reference)
    + day_domain("planned_date") + since_domain
    + (if $p.status then [["state", "in", {announced: ["draft"], received: ["received", "done"], cancelled: ["cancelled"]}[$p.status]]] else [] end);

def confirmation_domain:
  .parameters as $p
  | [["number", "!=", null], ["lines.note", "!=", null]] + equal_domain("number"; $p.purchaseOrder) + equal_domain("party.code"; $p.supplier);
def confirmation_page($input; $plant):
  [.[] | confirmations($plant)[] | select($input.parameters.reference == null or .reference == $input.parameters.reference)]
  | .[($input | cursor | if . == null then 0 else .o end):]
  | counted_page($input; .);

# --- writes ---

def order_values($context; $key):
  {
    party: $context.supplier.id,
    invoice_address: ($context.supplier.addresses | first | .id),
    currency: $context.currency.id,
    warehouse: $context.warehouse.id,
    invoice_method: "manual",
    purchase_date: {"$date": today},
    reference: keyed_reference(.reference; $key),
    lines: [["create", [.lines[] | . as $line | ([$context.products[] | select(.code == $line.material)] | first) as $product
      | {
          type: "line",
          product: $product.id,
          description: .description,
          unit: ($line.quantity.unit | unit_symbol as $symbol | [$context.uoms[] | select(.symbol == $symbol) | .id] | first),
          quantity: (.quantity.value | tonumber),
          unit_price: {"$decimal": (.price.amount // $product.cost_price)}
        }
        + (if .deliverOn then {delivery_date_edit: true, delivery_date_store: {"$date": .deliverOn}} else {} end)]]]
  };

def said_values($said): {note: ((.note // "" | if . == "" then "" else . + "\n" end) + "\($said.answer) \($said.reference)")};

# What is announced of each line: {of, rest, others, parts: [{quantity, lot}]}; `of` is its open move, null where there is
# none. A delivery that was cancelled leaves several: the others are taken into one.
def announced_parts($new; $orders):
  . as $moves
  | [$new.lines[] | . as $line
      | ([$orders[] | select(.number == $line.purchaseOrder) | .lines[$line.purchaseOrderLine | tonumber - 1].id] | first) as $of
      | {open: [$moves[] | select(.origin == "purchase.line,\($of)")], quantity: ($line.quantity.value | tonumber), lot}]
  | group_by(.open[0].id)
  | map(.[0].open as $open | {
      of: $open[0], others: [$open[1:][].id], parts: map(del(.open)),
      rest: (([$open[].quantity] | add // 0) - (map(.quantity) | add) | . * 1000000 | round / 1000000)});

def part_move: {quantity} + (if .lotId then {lot: .lotId} else {} end);

# A part of an open move becomes a move of its own, and the open one is lowered; what takes all that is left is the open one itself.
def announced_moves:
  .of as $open
  | (if .rest == 0 then .parts[:-1] else .parts end) as $new
  | [($new | if . == [] then empty else ["create", [.[] | part_move + {
        product: $open.product, uom: $open.uom, from_location: $open.from_location, to_location: $open.to_location, company: $open.company,
        currency: $open.currency, unit_price: (if $open.unit_price then {"$decimal": $open.unit_price} else null end),
        planned_date: (if $open.planned_date then {"$date": $open.planned_date} else null end), origin: $open.origin}]] end)]
    + (if .rest == 0 then [["add", [$open.id]], ["write", [$open.id], (.parts[-1] | part_move)]]
       else [["write", [$open.id], {quantity: .rest}]] end)
    + (if .others == [] then [] else [["delete", .others]] end);

def delivery_values($context; $key):
  ($context.lots // []) as $lots
  | {
      supplier: $context.supplier.id,
      warehouse: $context.warehouse.id,
      reference: keyed_reference(.reference; $key),
      planned_date: {"$date": .expectedOn},
      incoming_moves: [$context.parts[] | .of as $of
        | .parts |= map(.lot as $lot | . + {lotId: ([$lots[] | select(.number == $lot and .product == $of.product) | .lot] | first)})
        | announced_moves[]]
    };

# Received is what was announced or less, today, by way of the input zone; what is less stays open at the order.
def receipt_is_offered: .storageLocation == null and (.receivedOn == null or .receivedOn == today);
def received_moves($got; $lots):
  [delivery_lines[] | . as $line | ($got[]? | select(.line == $line.line)) as $part
    | ([$lots[]? | select(.move == $line.id) | .lot] | first) as $lot
    | (if ($part.quantity.value | tonumber) == $line.quantity then {} else {quantity: ($part.quantity.value | tonumber)} end)
      + (if $lot then {lot: $lot} else {} end)
    | select(. != {})
    | ["write", [$line.id], .]];
