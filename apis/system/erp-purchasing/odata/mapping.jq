# The erp service of the OData server <-> the canonical models of erp-purchasing. Behind common.jq, lists.jq and
# the mapping of erp-inventory.

def short_line: tonumber | tostring; # "00010" is 10
def long_line: ("00000" + .)[-5:];
def in_millionths: . // 0 | tostring | tonumber * 1000000 | round;
def in_millionths_of: .value | in_millionths;

# --- purchase orders ---

def order_line($currency; $deliveries; $status):
  . as $item
  | (.OrderUnit | unit) as $unit
  | [$deliveries[] | select(.PurchaseOrder == $item.PurchaseOrder and .PurchaseOrderItem == $item.PurchaseOrderItem) | .DeliveryQuantity | in_millionths]
  | (add // 0) as $received
  | $item
  | (.ConfirmedQuantity | in_millionths) as $confirmed
  | (.OrderQuantity | in_millionths) as $ordered
  | {
      line: (.PurchaseOrderItem | short_line),
      material: .Material,
      quantity: quantity(.OrderQuantity; $unit),
      price: (if .NetPriceAmount == null then null else {amount: (.NetPriceAmount | decimal_text), currency: $currency} end),
      deliverOn: .DeliveryDate,
      confirmed: (if $confirmed > 0 and .ConfirmedDeliveryDate != null
        then {quantity: quantity(.ConfirmedQuantity; $unit), deliverOn: .ConfirmedDeliveryDate} else null end),
      received: {value: ($received / 1000000 | decimal_text), unit: $unit},
      status: (if $status == "CANC" then "cancelled"
        elif $received >= $ordered then "received"
        elif $received > 0 then "partly-received"
        elif $confirmed >= $ordered then "confirmed"
        else "open" end)
    }
  | present;

# `$deliveries`: the items of deliveries of the order that were received.
def purchase_order($plant; $deliveries):
  .DocumentCurrency as $currency
  | .PurchasingStatus as $status
  | .to_PurchaseOrderItem as $items
  | {
      id: .PurchaseOrder,
      plant: $plant,
      supplier: .Supplier,
      status: (if $status == "SENT" and all($items[]; (.ConfirmedQuantity | in_millionths) >= (.OrderQuantity | in_millionths)) then "confirmed"
        else {OPEN: "draft", SENT: "sent", CLSD: "completed", CANC: "cancelled"}[$status] end),
      currency: $currency,
      total: {
        amount: ([$items[] | (.OrderQuantity | tostring | tonumber) * (.NetPriceAmount // 0 | tostring | tonumber)] | add // 0 | . * 10000 | round | . / 10000 | decimal_text),
        currency: $currency
      },
      orderedOn: .PurchaseOrderDate,
      lines: [$items[] | order_line($currency; $deliveries; $status)],
      supplierReference: (.SupplierReference | text_or_null),
      changedAt: .LastChangeDateTime,
      record: {system: "cloud-erp", id: "A_PurchaseOrder('\(.PurchaseOrder)')"}
    }
  | present;

def order_field: {id: "PurchaseOrder", orderedOn: "PurchaseOrderDate", changedAt: "LastChangeDateTime"}[sort_name];

# `$numbers`: the orders that have the material, or null. Which of the sent ones are confirmed is known of their items only.
def order_query($plant; $numbers):
  .parameters as $p
  | ({CompanyCode: $plant, Supplier: $p.supplier,
      PurchasingStatus: (if $p.status then {draft: "OPEN", sent: "SENT", confirmed: "SENT", completed: "CLSD", cancelled: "CANC"}[$p.status] else null end)}
      | present) as $plain
  | (if $numbers == null then {} else {PurchaseOrder: {in: ($numbers | in_list)}} end) as $material
  | (if $p.reference then {PurchaseOrder: ""} else {} end) as $none # not kept there
  | odata_query([$plain, $material, $none, day_range("PurchaseOrderDate"), since("LastChangeDateTime")] | all_of; order_field; "PurchaseOrder");

def new_order($plant):
  .currency as $currency
  | {
      Supplier: .supplier,
      CompanyCode: $plant,
      DocumentCurrency: $currency,
      to_PurchaseOrderItem: [.lines | to_entries[] | .key as $at | .value | {
        PurchaseOrderItem: (($at + 1) * 10 | tostring | long_line),
        Material: .material,
        Plant: $plant,
        OrderQuantity: {"$decimal": .quantity.value},
        OrderUnit: (.quantity.unit | unit_code),
        NetPriceAmount: (if .price then {"$decimal": .price.amount} else null end),
        DeliveryDate: (if .deliverOn then {"$date": .deliverOn} else null end)
      } | present]
    };

# --- confirmations ---

# `$items`: those of the orders.
def confirmation($plant; $orders):
  . as $said
  | ([$orders[] | select(.PurchaseOrder == $said.PurchaseOrder)] | first) as $order
  | ([$order.to_PurchaseOrderItem[]? | select(.PurchaseOrderItem == $said.PurchaseOrderItem)] | first) as $item
  | {
      plant: $plant,
      purchaseOrder: .PurchaseOrder,
      line: (.PurchaseOrderItem | short_line),
      supplier: $order.Supplier,
      answer: (if (.ConfirmedQuantity | in_millionths) == ($item.OrderQuantity | in_millionths)
          and ($item.DeliveryDate == null or .DeliveryDate == null or .DeliveryDate <= $item.DeliveryDate) then "accepted" else "changed" end),
      quantity: quantity(.ConfirmedQuantity; .OrderUnit | unit),
      deliverOn: .DeliveryDate,
      reference: (.SupplierReference | text_or_null),
      confirmedAt: .LastChangeDateTime,
      record: {system: "cloud-erp", id: "A_PurchaseOrderConfirmation('\(.SupplierConfirmation)')"}
    }
  | present;

# --- deliveries ---

def delivery:
  .DeliveryStatus as $status
  | {
      id: .InboundDelivery,
      plant: .Plant,
      supplier: .Supplier,
      status: ({ANNC: "announced", RECD: "received", CANC: "cancelled"}[$status]),
      reference: (.BillOfLading | text_or_null),
      shippedOn: .ShippingDate,
      expectedOn: (.PlannedArrivalDateTime | if . then .[:10] else null end),
      receivedOn: (if $status == "RECD" then .LastChangeDateTime[:10] else null end),
      lines: [.to_InboundDeliveryItem[] | quantity(.DeliveryQuantity; .DeliveryUnit | unit) as $quantity | {
        line: (.InboundDeliveryItem | short_line),
        purchaseOrder: (.PurchaseOrder | text_or_null),
        purchaseOrderLine: (if .PurchaseOrder and .PurchaseOrderItem then .PurchaseOrderItem | short_line else null end),
        material: .Material,
        quantity: $quantity,
        supplierLot: (.SupplierBatch | text_or_null),
        received: (if $status == "RECD" then $quantity else null end)
      } | present],
      changedAt: .LastChangeDateTime,
      record: {system: "cloud-erp", id: "A_InboundDelivery('\(.InboundDelivery)')"}
    }
  | present;

def delivery_field: {id: "InboundDelivery", expectedOn: "PlannedArrivalDateTime"}[sort_name];
def delivery_query($plant):
  .parameters as $p
  | ({Plant: $plant, Supplier: $p.supplier, BillOfLading: $p.reference,
      DeliveryStatus: (if $p.status then {announced: "ANNC", received: "RECD", cancelled: "CANC"}[$p.status] else null end)} | present) as $plain
  | (if $p.from then {PlannedArrivalDateTime: {ge: {"$datetime": "\($p.from)T00:00:00Z"}}} else {} end) as $from
  | (if $p.to then {PlannedArrivalDateTime: {le: {"$datetime": "\($p.to)T23:59:59Z"}}} else {} end) as $to
  | odata_query([$plain, $from, $to, since("LastChangeDateTime")] | all_of; delivery_field; "InboundDelivery");

def new_delivery($plant):
  {
    Supplier: .supplier,
    Plant: $plant,
    BillOfLading: .reference,
    ShippingDate: (if .shippedOn then {"$date": .shippedOn} else null end),
    PlannedArrivalDateTime: {"$datetime": "\(.expectedOn)T00:00:00Z"},
    to_InboundDeliveryItem: [.lines | to_entries[] | .key as $at | .value | {
      InboundDeliveryItem: ("000000" + (($at + 1) * 10 | tostring))[-6:],
      PurchaseOrder: .purchaseOrder,
      PurchaseOrderItem: (.purchaseOrderLine | long_line),
      Material: .material,
      DeliveryQuantity: {"$decimal": .quantity.value},
      DeliveryUnit: (.quantity.unit | unit_code),
      SupplierBatch: .supplierLot
    } | present]
  } | present;

def confirmation_query($numbers):
  .parameters as $p
  | odata_query_counted({SupplierReference: $p.reference, PurchaseOrder: {in: ($numbers | in_list)}} | present;
      ["PurchaseOrder", "PurchaseOrderItem", "SupplierConfirmation"]);

def new_confirmation($of):
  {
    PurchaseOrder: $of.id,
    PurchaseOrderItem: ($of.line | long_line),
    ConfirmedQuantity: {"$decimal": .quantity.value},
    OrderUnit: (.quantity.unit | unit_code),
    DeliveryDate: {"$date": .deliverOn},
    SupplierReference: .reference[:35]
  };

# The server receives a delivery in full, today, and keeps no place or lot.
def receipt_is_whole($lines):
  .storageLocation == null and (.receivedOn == null or .receivedOn == (now | todate | .[:10]))
  and all(.lines[]?; . as $got | $got.lot == null
    and any($lines[]; .line == $got.line and (.quantity | in_millionths_of) == ($got.quantity | in_millionths_of)));
