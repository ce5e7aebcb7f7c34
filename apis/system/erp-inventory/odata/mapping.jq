# The erp service of the OData server <-> the canonical models of erp-inventory. Behind common.jq and lists.jq.

# Lists over all plants name none: this is the system's own.
def own_plant($runtime; $input): plant($runtime; $input) | if . == null or . == "" or . == "-" then "1020" else . end;

def unit: {PC: "H87", KG: "KGM", G: "GRM", M: "MTR", MM: "MMT", M2: "MTK", M3: "MTQ", L: "LTR", MIN: "MIN", H: "HUR"}[.]
  // error("unit \(.) is not known");

def unit_code: {H87: "PC", KGM: "KG", GRM: "G", MTR: "M", MMT: "MM", MTK: "M2", MTQ: "M3", LTR: "L", MIN: "MIN", HUR: "H"}[.]
  // error("unit \(.) is not known");

# --- materials ---

def material_types: {raw: "ROH", "semi-finished": "HALB", finished: "FERT", packaging: "VERP", "operating-supply": "HIBE", service: "DIEN"};

def material($plant):
  .MaterialType as $type
  | {
      id: .Material,
      plant: $plant,
      description: .MaterialDescription,
      type: (material_types | to_entries | map(select(.value == $type)) | first | .key),
      materialClass: (.MaterialGroup | text_or_null),
      unit: (.BaseUnit | unit),
      status: (if .IsMarkedForDeletion then "discontinued" else "active" end),
      isLotManaged: true,
      isPurchased: ($type | IN("ROH", "VERP")),
      isProduced: ($type | IN("FERT", "HALB")),
      standardCost: (if .StandardPrice == null then null else {amount: (.StandardPrice | decimal_text), currency: .Currency} end),
      changedAt: .LastChangeDateTime,
      record: {system: "cloud-erp", id: "A_Material('\(.Material)')"}
    }
  | present;

def material_field: {id: "Material", changedAt: "LastChangeDateTime"}[sort_name];
def material_query:
  .parameters as $p
  | ({MaterialType: (if $p.type then material_types[$p.type] else null end), MaterialGroup: $p.materialClass} | present) as $plain
  | (if $p.status == null then {} elif $p.status == "blocked" then {Material: ""} else {IsMarkedForDeletion: ($p.status == "discontinued")} end) as $status
  | odata_query([$plain, $status, since("LastChangeDateTime")] | all_of; material_field; "Material");

# --- lots ---

def lot_statuses: {released: "FREE", "in-inspection": "QINS", blocked: "BLKD"};
def lot_status: {FREE: "released", QINS: "in-inspection", BLKD: "blocked"}[.];

# Their sum would lose digits as a double only beyond 9007199254 units.
def sum_text: map(. // 0 | tostring | tonumber * 1000000 | round) | add // 0 | . / 1000000 | decimal_text;

def lot($stocks):
  . as $lot
  | [$stocks[] | select(.Material == $lot.Material and .Batch == $lot.Batch)] as $mine
  | {
      id: .Batch,
      plant: .Plant,
      material: .Material,
      status: (.BatchStatus | lot_status),
      quantity: (if ($mine | length) == 0 then null else {value: ([$mine[].Quantity] | sum_text), unit: ($mine[0].BaseUnit | unit)} end),
      supplier: (.Supplier | text_or_null),
      supplierLot: (.SupplierBatch | text_or_null),
      producedOn: .ManufactureDate,
      expiresOn: .ShelfLifeExpirationDate,
      changedAt: .LastChangeDateTime,
      record: {system: "cloud-erp", id: "A_Batch(Material='\(.Material)',Plant='\(.Plant)',Batch='\(.Batch)')"}
    }
  | present;

def lot_query($plant):
  .parameters as $p
  | ({Plant: $plant, Material: $p.material, BatchStatus: (if $p.status then lot_statuses[$p.status] else null end), Supplier: $p.supplier} | present) as $plain
  | (if $p.expiresBefore then {ShelfLifeExpirationDate: {lt: {"$date": $p.expiresBefore}}} else {} end) as $expires
  | odata_query_counted([$plain, $expires, since("LastChangeDateTime")] | all_of;
      if sort_name == "expiresOn" then ["ShelfLifeExpirationDate", "Batch", "Material"] else ["Batch", "Material"] end);

# --- what lies where ---

def level($batches; $now):
  . as $row
  | ([$batches[] | select(.Material == $row.Material and .Batch == $row.Batch) | .BatchStatus | lot_status] | first) as $status
  | (.BaseUnit | unit) as $unit
  | {
      plant: .Plant,
      material: .Material,
      storageLocation: .StorageLocation,
      lot: (.Batch | text_or_null),
      lotStatus: $status,
      onHand: quantity(.Quantity; $unit),
      reserved: quantity(.ReservedQuantity // 0; $unit),
      available: {
        value: (if $status == null or $status == "released"
          then ((.Quantity | tostring | tonumber * 1000000 | round) - (.ReservedQuantity // 0 | tostring | tonumber * 1000000 | round)) / 1000000 | decimal_text
          else "0" end),
        unit: $unit
      },
      asOf: $now
    }
  | present;

def level_query($plant):
  .parameters as $p
  | odata_query_counted({Plant: $plant, Material: $p.material, Batch: $p.lot, StorageLocation: $p.storageLocation} | present;
      if sort_name == "storageLocation" then ["StorageLocation", "Material", "Batch"] else ["Material", "StorageLocation", "Batch"] end);

# --- movements ---

# What takes another back is called by what it does: 262 and 552 bring in, 502 takes out.
def movement_types:
  {
    receipt: ["101", "131", "501", "561", "123", "202", "262", "552"],
    issue: ["201", "261", "132", "502", "562"],
    transfer: ["311", "312"],
    scrap: ["551"],
    return: ["122", "102"],
    "count-gain": ["701"],
    "count-loss": ["702"]
  };

def movement_type: . as $code | first(movement_types | to_entries[] | select(.value | any(. == $code)) | .key) // error("movement type \($code) is not known");

def for_production: ["131", "132", "261", "262"];
def for_purchase: ["101", "102", "122", "123"];
def is_of($codes): .GoodsMovementType as $code | any($codes[]; . == $code);

def movement:
  (.GoodsMovementType | movement_type) as $type
  | ($type | IN("receipt", "count-gain")) as $comes
  | {
      id: .MaterialDocument,
      plant: .Plant,
      type: $type,
      material: .Material,
      lot: (.Batch | text_or_null),
      quantity: quantity(.Quantity; .EntryUnit | unit),
      from: (if $comes then null else .StorageLocation end),
      to: (if $comes then .StorageLocation elif $type == "transfer" then .IssuingOrReceivingStorageLoc else null end),
      productionOrder: (if is_of(for_production) then .ReferenceDocument | text_or_null else null end),
      purchaseOrder: (if is_of(for_purchase) then .ReferenceDocument | text_or_null else null end),
      purchaseOrderLine: (.PurchaseOrderItem | text_or_null | if . then sub("^0+"; "") else null end),
      costCenter: (.CostCenter | text_or_null),
      reason: (.MaterialDocumentItemText | text_or_null),
      reference: (.ReferenceNumber | text_or_null),
      status: (if .ReversingMaterialDocument | text_or_null then "reversed" else "posted" end),
      reverses: (.ReversedMaterialDocument | text_or_null),
      reversedBy: (.ReversingMaterialDocument | text_or_null),
      postedOn: .PostingDate,
      record: {system: "cloud-erp", id: "A_MaterialDocument('\(.MaterialDocument)')"}
    }
  | present;

# A document never changes but once: when it is taken back.
def movement_version: .MaterialDocument + (if .ReversingMaterialDocument | text_or_null then "-\(.ReversingMaterialDocument)" else "" end);
def movement_answer: movement_version as $version | movement | answer($version);

def movement_field: {id: "MaterialDocument", postedOn: "PostingDate"}[sort_name];
def movement_query($plant):
  .parameters as $p
  | ({Plant: $plant, Material: $p.material, Batch: $p.lot, ReferenceNumber: $p.reference} | present) as $plain
  | (if $p.type == null then {} else {GoodsMovementType: {in: movement_types[$p.type]}} end) as $type
  | (if $p.productionOrder then {GoodsMovementType: {in: for_production}, ReferenceDocument: $p.productionOrder} else {} end) as $production
  | (if $p.purchaseOrder then {GoodsMovementType: {in: for_purchase}, ReferenceDocument: $p.purchaseOrder} else {} end) as $purchase
  | odata_query([$plain, $type, $production, $purchase, day_range("PostingDate")] | all_of; movement_field; "MaterialDocument");

# --- reservations ---

def reservation_states: {open: "OPEN", fulfilled: "CLSD", cancelled: "CANC"};

def reservation:
  .ReservationStatus as $state
  | {
      id: .Reservation,
      plant: .Plant,
      material: .Material,
      lot: (.Batch | text_or_null),
      storageLocation: .StorageLocation,
      quantity: quantity(.Quantity; .BaseUnit | unit),
      requiredOn: .RequirementDate,
      productionOrder: (.ManufacturingOrder | text_or_null),
      costCenter: (.CostCenter | text_or_null),
      status: (reservation_states | to_entries | map(select(.value == $state)) | first | .key),
      reference: (.ReferenceNumber | text_or_null),
      changedAt: .LastChangeDateTime,
      record: {system: "cloud-erp", id: "A_Reservation('\(.Reservation)')"}
    }
  | present;

# The server's own tag: what the caller names it is held to by the server, too.
def reservation_version: .["@etag"] | strong | ltrimstr("\"") | rtrimstr("\"");
def reservation_answer: reservation_version as $version | reservation | answer($version);

def reservation_field: {id: "Reservation", requiredOn: "RequirementDate"}[sort_name];
def reservation_query($plant):
  .parameters as $p
  | odata_query(
      {Plant: $plant, Material: $p.material, ManufacturingOrder: $p.productionOrder, CostCenter: $p.costCenter, ReferenceNumber: $p.reference,
        ReservationStatus: (if $p.status then reservation_states[$p.status] else null end)} | present;
      reservation_field; "Reservation");

# --- writes ---

# Which type it is there, by what it is for: null where that would be lost.
def movement_code:
  (["productionOrder", "purchaseOrder", "costCenter"] - (["productionOrder", "purchaseOrder", "costCenter"] - keys) | join(" ")) as $for
  | {
      receipt: {"": "501", purchaseOrder: "101", productionOrder: "131"},
      issue: {productionOrder: "261", costCenter: "201"},
      transfer: {"": "311"},
      scrap: {"": "551", costCenter: "551"},
      return: {"": "122", purchaseOrder: "122"},
      "count-gain": {"": "701"},
      "count-loss": {"": "702"}
    }[.type][$for];

# The numbers of the server are short: one that is longer would be cut.
def fits($most): . == null or length <= $most;
def movement_is_offered:
  movement_code != null and (.lot | fits(10)) and (.costCenter | fits(10)) and (.purchaseOrder | fits(16)) and (.purchaseOrderLine | fits(5));

def new_movement($plant):
  {
    Material: .material,
    Plant: $plant,
    StorageLocation: (.from // .to),
    IssuingOrReceivingStorageLoc: (if .type == "transfer" then .to else null end),
    Batch: .lot,
    GoodsMovementType: movement_code,
    Quantity: {"$decimal": .quantity.value},
    PostingDate: (if .postedOn then {"$date": .postedOn} else null end),
    ReferenceDocument: (.productionOrder // .purchaseOrder),
    PurchaseOrderItem: (.purchaseOrderLine | if . then ("0000" + .)[-5:] else null end),
    CostCenter: .costCenter,
    ReferenceNumber: .reference,
    MaterialDocumentItemText: .reason
  }
  | present;

# Of the document that is taken back the server takes all else.
def new_reversal($id; $key):
  {
    ReversedMaterialDocument: $id,
    PostingDate: (if .postedOn then {"$date": .postedOn} else null end),
    ReferenceNumber: .reference,
    MaterialDocumentItemText: .reason,
    ExternalReference: $key
  }
  | present;

def production_status:
  if . == null then null
  else {id: .ManufacturingOrder, status: ({CRTD: "planned", REL: "released", INPR: "started", CNF: "started", TECO: "completed", CANC: "cancelled"}[.OrderStatus])} end;

def new_reservation($plant):
  {
    Material: .material,
    Plant: $plant,
    StorageLocation: .storageLocation,
    Batch: .lot,
    Quantity: {"$decimal": .quantity.value},
    BaseUnit: (.quantity.unit | unit_code),
    RequirementDate: (if .requiredOn then {"$date": .requiredOn} else null end),
    ManufacturingOrder: .productionOrder,
    CostCenter: .costCenter,
    ReferenceNumber: .reference
  }
  | present;
