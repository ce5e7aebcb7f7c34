# The service `logistics` of the OData server <-> shipments.

def shipment_states: {PLND: "planned", DISP: "dispatched", DLVD: "delivered", CANC: "cancelled"};
def event_codes: {PASS: "passed", DLAY: "delayed", DMGD: "damaged"};

def line:
  {line: .ShipmentItem, material: .Material, quantity: measure(.Quantity; .QuantityUnit), lot: .Batch} | present;

def event:
  {at: .EventDateTime, code: (.EventCode | in_ours(event_codes)), place: .Place, text: .EventText} | present;

def events:
  [.to_ShipmentEvent[]? | event]
  + [{at: .ActualDepartureDateTime, code: "dispatched"}, {at: .ActualArrivalDateTime, code: "delivered"} | select(.at != null)]
  | if . == [] then null else sort_by(.at) end;

def shipment($system):
  {
    id: .Shipment,
    plant: .Plant,
    customer: .Customer,
    shipTo: ({name: .ShipToName, street: .ShipToStreet, postalCode: .ShipToPostalCode, city: .ShipToCity, country: .ShipToCountry} | present),
    status: (.ShipmentStatus | in_ours(shipment_states)),
    carrier: (.Carrier | text_or_null),
    trackingNumber: (.TrackingNumber | text_or_null),
    plannedDeparture: .PlannedDepartureDateTime,
    dispatchedAt: .ActualDepartureDateTime,
    expectedAt: .ExpectedArrivalDateTime,
    deliveredAt: .ActualArrivalDateTime,
    packages: .NumberOfPackages,
    grossWeight: measure(.GrossWeight; .WeightUnit),
    lines: [.to_ShipmentItem[] | line],
    events: events,
    reference: (.ReferenceNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_Shipment('\(.Shipment)')"}
  }
  | present;

def day_rows($member):
  {ge: (.parameters.from | if . == null then null else {"$datetime": "\(.)T00:00:00Z"} end),
   le: (.parameters.to | if . == null then null else {"$datetime": "\(.)T23:59:59.999Z"} end)}
  | present | if . == {} then {} else {($member): .} end;

def shipment_field: {id: "Shipment", plannedDeparture: "PlannedDepartureDateTime"}[sort_name];
def shipment_rows($runtime):
  of_plant("Plant"; $runtime) + equal("Customer"; .parameters.customer) + equal("TrackingNumber"; .parameters.trackingNumber)
  + equal("ReferenceNumber"; .parameters.reference) + one_of("ShipmentStatus"; shipment_states; .parameters.status)
  + day_rows("PlannedDepartureDateTime") + changed_since + beyond(shipment_field; "Shipment"; moment);

def new_shipment($plant):
  {
    Plant: $plant,
    Customer: .customer,
    ShipToName: .shipTo.name,
    ShipToStreet: .shipTo.street,
    ShipToPostalCode: .shipTo.postalCode,
    ShipToCity: .shipTo.city,
    ShipToCountry: .shipTo.country,
    Carrier: .carrier,
    PlannedDepartureDateTime: (.plannedDeparture | moment),
    ReferenceNumber: .reference,
    to_ShipmentItem: [.lines[] | {
      Material: .material, Batch: .lot, Quantity: (.quantity.value | decimal), QuantityUnit: (.quantity.unit | in_theirs(units))
    } | present]
  }
  | present;

def dispatch:
  {
    Carrier: .carrier,
    TrackingNumber: .trackingNumber,
    ExpectedArrivalDateTime: (.expectedAt | moment),
    NumberOfPackages: .packages,
    GrossWeight: (.grossWeight.value | decimal),
    WeightUnit: (.grossWeight.unit | in_theirs(units))
  }
  | present;

def new_event($shipment):
  {
    Shipment: $shipment, EventCode: (.code | in_theirs(event_codes)), EventDateTime: (.at | moment), Place: .place, EventText: .text
  }
  | present;

# --- what the rules ask the plant's own system for ---

def lots_named: [.lines[] | select(.lot != null) | [.material, .lot]] | unique;
