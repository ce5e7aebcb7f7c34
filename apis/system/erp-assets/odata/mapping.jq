# A_Equipment of the service `maintenance` of the OData server: its places are equipment, its things physical assets.

def asset_states: {AVLB: "active", DOWN: "active", SCRP: "disposed"};

def physical_asset($system):
  {
    id: .Equipment,
    plant: .MaintenancePlant,
    description: .EquipmentName,
    status: (.EquipmentStatus | in_ours(asset_states)),
    equipment: .WorkCenter,
    manufacturer: (.AssetManufacturerName | text_or_null),
    serialNumber: (.ManufacturerSerialNumber | text_or_null),
    acquiredOn: .AcquisitionDate,
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_Equipment('\(.Equipment)')"}
  }
  | present;

def asset_field: {id: "Equipment", acquiredOn: "AcquisitionDate"}[sort_name];
def day: if . == null then null else {"$date": .} end;
def asset_rows($runtime):
  of_plant("MaintenancePlant"; $runtime) + equal("WorkCenter"; .parameters.equipment)
  + equal("ManufacturerSerialNumber"; .parameters.serialNumber)
  + (if .parameters.status == null then {} else {EquipmentStatus: {in: (.parameters.status | all_in_theirs(asset_states) | if . == [] then [""] else . end)}} end)
  + beyond(asset_field; "Equipment"; day);

# A place, of the things that stand there.
def equipment($system):
  (.[0]) as $first
  | {
      id: $first.WorkCenter,
      plant: $first.MaintenancePlant,
      description: $first.FunctionalLocation,
      level: "work-center",
      parent: ($first.FunctionalLocation | rtrimstr("-\($first.WorkCenter)") | if . == $first.FunctionalLocation then null else . end),
      status: (if all(.[]; .EquipmentStatus == "DOWN") then "down" else "available" end),
      physicalAsset: (if length == 1 then $first.Equipment else null end),
      changedAt: (map(.LastChangeDateTime) | max),
      record: {system: $system, id: "A_Equipment('\($first.Equipment)')"}
    }
  | present;

def places($system): map(select(.WorkCenter != null)) | group_by([.MaintenancePlant, .WorkCenter]) | map(sort_by(.Equipment) | equipment($system));
