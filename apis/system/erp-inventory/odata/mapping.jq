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

def movement_type: {"101": "receipt", "501": "receipt", "561": "receipt", "261": "issue", "551": "scrap"}[.]
  // error("movement type \(.) is not known");

def movement:
  (.GoodsMovementType | movement_type) as $type
  | {
      id: .MaterialDocument,
      plant: .Plant,
      type: $type,
      material: .Material,
      lot: (.Batch | text_or_null),
      quantity: quantity(.Quantity; .EntryUnit | unit),
      from: (if $type == "receipt" then null else .StorageLocation end),
      to: (if $type == "receipt" then .StorageLocation else null end),
      productionOrder: (if .GoodsMovementType == "261" then .ReferenceDocument | text_or_null else null end),
      purchaseOrder: (if .GoodsMovementType == "101" then .ReferenceDocument | text_or_null else null end),
      reference: (if .GoodsMovementType | IN("101", "261") then null else .ReferenceDocument | text_or_null end),
      status: "posted",
      postedOn: .PostingDate,
      record: {system: "cloud-erp", id: "A_MaterialDocument('\(.MaterialDocument)')"}
    }
  | present;

def movement_field: {id: "MaterialDocument", postedOn: "PostingDate"}[sort_name];
def movement_query($plant):
  .parameters as $p
  | ({Plant: $plant, Material: $p.material, Batch: $p.lot} | present) as $plain
  | (if $p.type == null then {} else {GoodsMovementType: {in: ({receipt: ["101", "501", "561"], issue: ["261"], scrap: ["551"]}[$p.type] // [""])}} end) as $type
  | (if $p.productionOrder then {GoodsMovementType: "261", ReferenceDocument: $p.productionOrder} else {} end) as $production
  | (if $p.purchaseOrder then {GoodsMovementType: "101", ReferenceDocument: $p.purchaseOrder} else {} end) as $purchase
  | (if $p.reference then {GoodsMovementType: {in: ["501", "551", "561"]}, ReferenceDocument: $p.reference} else {} end) as $reference
  | odata_query([$plain, $type, $production, $purchase, $reference, day_range("PostingDate")] | all_of; movement_field; "MaterialDocument");

# --- reservations ---

def reservation:
  {
    id: .Reservation,
    plant: .Plant,
    material: .Material,
    lot: (.Batch | text_or_null),
    storageLocation: .StorageLocation,
    quantity: quantity(.Quantity; .BaseUnit | unit),
    productionOrder: (.ManufacturingOrder | text_or_null),
    status: ({OPEN: "open", CLSD: "fulfilled", CANC: "cancelled"}[.ReservationStatus]),
    changedAt: .LastChangeDateTime,
    record: {system: "cloud-erp", id: "A_Reservation('\(.Reservation)')"}
  }
  | present;

def reservation_query($plant):
  .parameters as $p
  | ({Plant: $plant, Material: $p.material, ManufacturingOrder: $p.productionOrder,
      ReservationStatus: (if $p.status then {open: "OPEN", fulfilled: "CLSD", cancelled: "CANC"}[$p.status] else null end)} | present) as $plain
  | (if $p.reference or $p.costCenter then {Reservation: ""} else {} end) as $none # neither is kept there
  | odata_query([$plain, $none] | all_of; "Reservation"; "Reservation");

# --- writes ---

def movement_code:
  if .type == "receipt" then (if .purchaseOrder then "101" else "501" end)
  elif .type == "issue" and .productionOrder then "261"
  elif .type == "scrap" then "551"
  else null end;

# The server posts as of today, of stock that has a row: material, place and batch.
def movement_is_offered:
  movement_code != null and .purchaseOrderLine == null and .costCenter == null and .lot != null
  and (.postedOn == null or .postedOn == (now | todate | .[:10]))
  and ((.productionOrder // .purchaseOrder // .reference // "") | length <= 16);

def new_movement($plant):
  {
    Material: .material,
    Plant: $plant,
    StorageLocation: (.from // .to),
    Batch: .lot,
    GoodsMovementType: movement_code,
    Quantity: {"$decimal": .quantity.value},
    ReferenceDocument: (.productionOrder // .purchaseOrder // .reference)
  }
  | present;

def production_status:
  if . == null then null else {id: .ManufacturingOrder, status: ({CRTD: "planned", REL: "released", CNF: "started", TECO: "completed"}[.OrderStatus])} end;

def new_reservation($plant):
  {
    Material: .material,
    Plant: $plant,
    StorageLocation: .storageLocation,
    Batch: .lot,
    Quantity: {"$decimal": .quantity.value},
    BaseUnit: (.quantity.unit | unit_code),
    ManufacturingOrder: .productionOrder
  }
  | present;
