# The OData server's storage locations, transfers and counts <-> the canonical models of wms; units, lots and what lies where are
# erp-inventory's.

def bare_tag: .["@etag"] | strong | ltrimstr("\"") | rtrimstr("\"");
def quoted: "'" + gsub("'"; "''") + "'";

# --- storage locations ---

def location_levels: {ZONE: "storage-zone", UNIT: "storage-unit"};

def location:
  {
    id: .StorageLocation,
    plant: .Plant,
    description: (.StorageLocationName // .StorageLocation),
    level: location_levels[.StorageLocationType],
    parent: (.ParentStorageLocation | text_or_null),
    status: (if .IsBlocked then "out-of-service" else "available" end),
    changedAt: .LastChangeDateTime,
    record: {system: "cloud-erp", id: "A_StorageLocation(Plant='\(.Plant)',StorageLocation='\(.StorageLocation)')"}
  }
  | present;

def location_query($plant):
  .parameters as $p
  | (if $p.level then $p.level as $level | first(location_levels | to_entries[] | select(.value == $level) | .key) else null end) as $type
  | odata_query({Plant: $plant, ParentStorageLocation: $p.parent, StorageLocationType: $type} | present; "StorageLocation"; "StorageLocation");

# --- transfers ---

def transfer_states: {CRTD: "planned", ASGN: "assigned", CMPL: "completed", CANC: "cancelled"};

def transfer:
  {
    id: .TransferOrder,
    plant: .Plant,
    from: .IssuingStorageLocation,
    to: .ReceivingStorageLocation,
    status: transfer_states[.TransferOrderStatus],
    plannedOn: .PlannedDate,
    completedOn: .CompletionDate,
    lines: [.to_TransferOrderItem | sort_by(.TransferOrderItem)[]
      | {material: .Material, lot: (.Batch | text_or_null), quantity: quantity(.Quantity; .QuantityUnit | unit)} | present],
    reference: (.ReferenceNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: "cloud-erp", id: "A_TransferOrder('\(.TransferOrder)')"}
  }
  | present;

def transfer_answer: bare_tag as $version | transfer | answer($version);

def transfer_field: {id: "TransferOrder", plannedOn: "PlannedDate"}[sort_name];

# As a text: only that can ask for what an order's items say.
def transfer_filter($plant):
  .parameters as $p
  | cursor as $at
  | transfer_field as $field
  | (if is_descending then "lt" else "gt" end) as $after
  | (if sort_name == "id" then $at.v // "" | quoted else $at.v // "" end) as $value
  | [
      "Plant eq \($plant | quoted)",
      (if $p.material then "to_TransferOrderItem/any(o:o/Material eq \($p.material | quoted))" else empty end),
      (if $p.status then ($p.status as $status | transfer_states | to_entries[] | select(.value == $status) | "TransferOrderStatus eq '\(.key)'") else empty end),
      (if $p.reference then "ReferenceNumber eq \($p.reference | quoted)" else empty end),
      (if $p.from then "PlannedDate ge \($p.from)" else empty end),
      (if $p.to then "PlannedDate le \($p.to)" else empty end),
      (if $at == null then empty
       else "(\($field) \($after) \($value) or \($field) eq \($value) and TransferOrder \($after) \($at.k | quoted))" end)
    ]
  | join(" and ");

# --- counts ---

def signed($value; $of): {value: ($value | decimal_text), unit: ($of | unit)};

def count:
  {
    id: .PhysicalInventoryCount,
    plant: .Plant,
    storageLocation: .StorageLocation,
    material: .Material,
    lot: (.Batch | text_or_null),
    counted: quantity(.CountedQuantity; .QuantityUnit | unit),
    book: signed(.BookQuantity; .QuantityUnit),
    difference: signed(.DifferenceQuantity; .QuantityUnit),
    status: "posted",
    countedOn: .CountDate,
    countedBy: (.CountedByUser | text_or_null),
    reference: (.ReferenceNumber | text_or_null),
    record: {system: "cloud-erp", id: "A_PhysicalInventoryCount('\(.PhysicalInventoryCount)')"}
  }
  | present;

# A count never changes.
def count_answer: .PhysicalInventoryCount as $version | count | answer($version);

def count_field: {id: "PhysicalInventoryCount", countedOn: "CountDate"}[sort_name];
def count_query($plant):
  .parameters as $p
  | ({Plant: $plant, StorageLocation: $p.storageLocation, Material: $p.material, ReferenceNumber: $p.reference} | present) as $plain
  | odata_query([$plain, day_range("CountDate")] | all_of; count_field; "PhysicalInventoryCount");

# --- what the rules ask for ---

def lines_lots: [.[] | {material, lot} | select(.lot != null)] | unique;
def lots_of($lines; $plant): {Plant: $plant, Material: {in: ([$lines[].material] + [""])}, Batch: {in: ([$lines[].lot // empty] + [""])}};
def named($lines; $rows): [$lines | lines_lots[] | . as $line | first($rows[] | select(.Material == $line.material and .Batch == $line.lot) | lot([])) // null];

# --- what is written ---

def new_transfer($plant; $key):
  {
    ExternalReference: $key,
    Plant: $plant,
    IssuingStorageLocation: .from,
    ReceivingStorageLocation: .to,
    PlannedDate: (if .plannedOn then {"$date": .plannedOn} else null end),
    ReferenceNumber: .reference,
    to_TransferOrderItem: [.lines[] | {Material: .material, Batch: .lot, Quantity: {"$decimal": .quantity.value}, QuantityUnit: (.quantity.unit | unit_code)}]
  }
  | present;

def new_count($plant; $key):
  {
    ExternalReference: $key,
    Plant: $plant,
    StorageLocation: .storageLocation,
    Material: .material,
    Batch: .lot,
    CountedQuantity: {"$decimal": .counted.value},
    CountDate: (if .countedOn then {"$date": .countedOn} else null end),
    CountedByUser: .countedBy,
    ReferenceNumber: .reference
  }
  | present;
