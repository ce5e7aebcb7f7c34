# The service `quality` of the OData server <-> inspection lots and nonconformances.

def origins: {"01": "goods-receipt", "04": "production", "08": "stock", "06": "customer-return"};
def inspection_states: {CRTD: "open", RREC: "measured", UD: "decided"};
def decisions: {A: "accepted", C: "accepted-with-deviation", R: "rejected"};
def valuations: {A: "accepted", R: "rejected"};
def severities: {"01": "critical", "02": "major", "03": "minor"};
def nonconformance_states: {OPEN: "open", INPR: "open", CLSD: "closed", CANC: "cancelled"};
def dispositions:
  {UAIS: "use-as-is", RWRK: "rework", REPR: "repair", REGR: "regrade", RTSU: "return-to-supplier", SCRP: "scrap"};
def batch_states: {FREE: "released", QINS: "in-inspection", BLKD: "blocked"};

# --- inspection lots ---

def number_text: if . == null then null else decimal_text end;

def characteristic:
  {
    line: .InspectionCharacteristic,
    description: .CharacteristicText,
    unit: (.CharacteristicUnit | in_ours(units)),
    target: (.TargetValue | number_text),
    lowerLimit: (.LowerLimit | number_text),
    upperLimit: (.UpperLimit | number_text),
    results: (if .Results | length > 0 then [.Results[] | number_text] else null end),
    valuation: (.Valuation | in_ours(valuations))
  }
  | present;

def inspection_lot($system):
  {
    id: .InspectionLot,
    plant: .Plant,
    material: .Material,
    lot: .Batch,
    origin: (.InspectionLotOrigin | in_ours(origins)),
    productionOrder: .ManufacturingOrder,
    quantity: measure(.InspectionLotQuantity; .InspectionLotUnit),
    status: (.InspectionStatus | in_ours(inspection_states)),
    characteristics: (if .to_InspectionCharacteristic | length > 0 then [.to_InspectionCharacteristic[] | characteristic] else null end),
    decision: (if .UsageDecision == null then null
      else {code: (.UsageDecision | in_ours(decisions)), decidedAt: .UsageDecisionDateTime, text: .UsageDecisionText} | present end),
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_InspectionLot('\(.InspectionLot)')"}
  }
  | present;

def inspection_lot_field: {id: "InspectionLot", changedAt: "LastChangeDateTime"}[sort_name];
def inspection_lot_rows($runtime):
  of_plant("Plant"; $runtime) + equal("Material"; .parameters.material) + equal("Batch"; .parameters.lot)
  + one_of("InspectionLotOrigin"; origins; .parameters.origin) + one_of("InspectionStatus"; inspection_states; .parameters.status)
  + changed_since + beyond(inspection_lot_field; "InspectionLot"; moment);

def measured:
  [.characteristics[] | {
    InspectionCharacteristic: .line, Valuation: (.valuation | in_theirs(valuations)), Results: [.results[]? | decimal]
  } | present];

# The characteristics as they are after `measured` was added.
def with_results($request):
  [.to_InspectionCharacteristic[]
   | reduce $request.characteristics[] as $more (.;
       if $more.line != .InspectionCharacteristic then .
       else .Results += ($more.results // []) | .Valuation = (($more.valuation | in_theirs(valuations)) // .Valuation) end)];

# Whether the lot has what was recorded as its last results.
def has_results($request):
  [.to_InspectionCharacteristic[] | characteristic] as $had
  | all($request.characteristics[]; . as $more
      | ($more.results // [] | map(tonumber)) as $results
      | any($had[]; .line == $more.line and ($more.valuation == null or .valuation == $more.valuation)
          and ($results == [] or (.results // [] | map(tonumber))[-($results | length):] == $results)));

# --- nonconformances ---

def nonconformance($system):
  {
    id: .Nonconformance,
    plant: .Plant,
    severity: (.DefectClass | in_ours(severities)),
    defect: ({code: .DefectCode, description: (.NonconformanceText | text_or_null)} | present),
    material: .Material,
    lot: .Batch,
    quantity: measure(.DefectiveQuantity; .DefectiveQuantityUnit),
    inspectionLot: .InspectionLot,
    productionOrder: .ManufacturingOrder,
    purchaseOrder: .PurchaseOrder,
    supplier: .Supplier,
    equipment: .Equipment,
    status: (.NonconformanceStatus | in_ours(nonconformance_states)),
    disposition: (.Disposition | in_ours(dispositions)),
    cause: (.RootCause | text_or_null),
    correctiveAction: (.CorrectiveAction | text_or_null),
    openedAt: .CreationDateTime,
    openedBy: (.ReportedByUser | text_or_null),
    closedAt: .ClosingDateTime,
    reference: (.ReferenceNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_Nonconformance('\(.Nonconformance)')"}
  }
  | present;

def nonconformance_field: {id: "Nonconformance", openedAt: "CreationDateTime"}[sort_name];
def nonconformance_rows($runtime):
  of_plant("Plant"; $runtime) + equal("Material"; .parameters.material) + equal("Batch"; .parameters.lot)
  + equal("Supplier"; .parameters.supplier) + equal("ReferenceNumber"; .parameters.reference)
  + one_of("DefectClass"; severities; .parameters.severity)
  + one_of("NonconformanceStatus"; nonconformance_states; .parameters.status)
  + changed_since + beyond(nonconformance_field; "Nonconformance"; moment);

def new_nonconformance($plant):
  {
    Plant: $plant,
    NonconformanceText: (.defect.description // .defect.code),
    DefectCode: .defect.code,
    DefectClass: (.severity | in_theirs(severities)),
    Material: .material,
    Batch: .lot,
    DefectiveQuantity: (.quantity.value | decimal),
    DefectiveQuantityUnit: (.quantity.unit | in_theirs(units)),
    InspectionLot: .inspectionLot,
    ManufacturingOrder: .productionOrder,
    PurchaseOrder: .purchaseOrder,
    Supplier: .supplier,
    Equipment: .equipment,
    ReportedByUser: .openedBy,
    ReferenceNumber: .reference
  }
  | present;

def closure:
  {
    Disposition: (.disposition | in_theirs(dispositions)), RootCause: .cause, CorrectiveAction: .correctiveAction
  }
  | present;

# --- lots, of the service `erp` ---

def sum_of($stock): $stock | map(.Quantity | tostring | tonumber * 1000000 | round) | add
  | if . == null then null else "\(. / 1000000 | floor).\(. % 1000000 | tostring | ("000000" + .)[-6:])" | sub("\\.?0+$"; "") end;

def material_lot($stock; $system):
  {
    id: .Batch,
    plant: .Plant,
    material: .Material,
    status: (.BatchStatus | in_ours(batch_states)),
    quantity: (if $stock | length > 0 then {value: sum_of($stock), unit: ($stock[0].BaseUnit | in_ours(units))} else null end),
    supplier: .Supplier,
    supplierLot: .SupplierBatch,
    producedOn: .ManufactureDate,
    expiresOn: .ShelfLifeExpirationDate,
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_Batch(Material='\(.Material)',Plant='\(.Plant)',Batch='\(.Batch)')"}
  }
  | present;
