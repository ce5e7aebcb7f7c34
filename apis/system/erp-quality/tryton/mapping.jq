# Tryton's lots, as far as quality moves them: a lot is blocked by lying in quarantine. Behind erp-inventory/tryton/mapping.jq.

def quarantine_of: [.[] | select(.code == "QUAR") | .id];
def storage_of: [.[] | select(.type == "warehouse")][0].storage_location;

# What lies where of one lot: rows of stock.location asked with the lot in the context.
def stock_of_lot($lot): {product: $lot.product.id, lot: $lot.id, with_childs: false, stock_date_end: {"$date": today}};
def lies_at: map(select(.quantity > 0) | {place: .id, quantity});

# Where it goes back to: by the moves into quarantine, the newest first, what they brought; what nobody brought to `$elsewhere`.
def back_by($moves; $elsewhere):
  reduce ($moves[], {quantity: ., from_location: {id: $elsewhere}}) as $move ({rest: ., places: []};
    ([.rest, $move.quantity] | min) as $part
    | if $part <= 0 then .
      else {rest: (.rest - $part), places: (.places + [{place: $move.from_location.id, quantity: $part}])} end)
  | .places | group_by(.place) | map({place: .[0].place, quantity: (map(.quantity) | add)});

# The shipment of one row of the above.
def lot_shipment($lot; $from; $to; $key):
  {
    reference: keyed_reference(null; $key), from_location: $from, to_location: $to,
    planned_date: {"$date": today}, planned_start_date: {"$date": today},
    moves: [["create", [{product: $lot.product.id, lot: $lot.id, uom: $lot.product.default_uom.id, quantity,
      from_location: $from, to_location: $to}]]]
  };
