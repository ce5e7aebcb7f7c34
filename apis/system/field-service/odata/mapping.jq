# The service `field-service` of the OData server <-> service orders.

def priorities: {"1": "urgent", "2": "high", "3": "normal", "4": "low"};
def service_types: {SM01: "installation", SM02: "repair", SM03: "inspection"};
def service_states: {OPEN: "open", DISP: "dispatched", INPR: "started", DONE: "completed", CANC: "cancelled"};

def site:
  if .SiteCountry == null then null
  else {name: .SiteName, street: .SiteStreet, postalCode: .SitePostalCode, city: .SiteCity, country: .SiteCountry} | present end;

def part: {material: .Material, quantity: measure(.Quantity; .QuantityUnit)};

def report:
  if .ReportText == null then null
  else {
      text: .ReportText, duration: measure(.ReportDuration; .ReportDurationUnit),
      parts: (if .to_ServicePart | length > 0 then [.to_ServicePart[] | part] else null end)
    } | present end;

def service_order($system):
  {
    id: .ServiceOrder,
    plant: .Plant,
    customer: .Customer,
    site: site,
    type: (.ServiceOrderType | in_ours(service_types)),
    description: .ServiceOrderDescription,
    text: (.LongText | text_or_null),
    material: .Material,
    serialNumber: .Equipment,
    priority: (.ServicePriority | in_ours(priorities)),
    status: (.ServiceOrderStatus | in_ours(service_states)),
    technician: .Technician,
    appointment: (if .ScheduledDateTime == null then null else {start: .ScheduledDateTime, end: .ScheduledEndDateTime} | present end),
    startedAt: .ActualStartDateTime,
    completedAt: .CompletedDateTime,
    report: report,
    reference: (.ReferenceNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_ServiceOrder('\(.ServiceOrder)')"}
  }
  | present;

def service_order_field: {id: "ServiceOrder", changedAt: "LastChangeDateTime"}[sort_name];
def service_order_rows($runtime):
  of_plant("Plant"; $runtime) + equal("Customer"; .parameters.customer) + equal("Technician"; .parameters.technician)
  + equal("ReferenceNumber"; .parameters.reference) + one_of("ServiceOrderType"; service_types; .parameters.type)
  + one_of("ServicePriority"; priorities; .parameters.priority) + one_of("ServiceOrderStatus"; service_states; .parameters.status)
  + changed_since + beyond(service_order_field; "ServiceOrder"; moment);

def new_service_order($plant):
  {
    Plant: $plant,
    Customer: .customer,
    SiteName: .site.name,
    SiteStreet: .site.street,
    SitePostalCode: .site.postalCode,
    SiteCity: .site.city,
    SiteCountry: .site.country,
    ServiceOrderType: (.type | in_theirs(service_types)),
    ServiceOrderDescription: .description,
    LongText: .text,
    Material: .material,
    Equipment: .serialNumber,
    ServicePriority: (.priority | in_theirs(priorities)),
    ReferenceNumber: .reference
  }
  | present;

def dispatch:
  {
    Technician: .technician, ScheduledDateTime: (.appointment.start | moment), ScheduledEndDateTime: (.appointment.end | moment)
  }
  | present;

# A moment in seconds, wherever its clock stands.
def instant:
  if . == null then null
  else capture("^(?<at>.{19})(\\.[0-9]+)?((?<sign>[+-])(?<hours>[0-9]{2}):(?<minutes>[0-9]{2})|[Zz])$")
    | (.at | ascii_upcase + "Z" | fromdate)
      - (if .sign == null then 0 else (.sign + "1" | ltrimstr("+") | tonumber) * ((.hours | tonumber) * 3600 + (.minutes | tonumber) * 60) end)
  end;

# Whether it is the one who was sent, for the time that was said.
def is_dispatched($request):
  .ServiceOrderStatus == "DISP" and .Technician == $request.technician
  and (.ScheduledDateTime | instant) == ($request.appointment.start | instant)
  and (.ScheduledEndDateTime | instant) == ($request.appointment.end | instant);

def used_parts: [.parts[]? | {Material: .material, Quantity: (.quantity.value | decimal), QuantityUnit: (.quantity.unit | in_theirs(units))}];
def finish:
  {
    ReportText: .text,
    ReportDuration: (.duration.value | decimal),
    ReportDurationUnit: (.duration.unit | in_theirs(units)),
    Parts: used_parts
  }
  | present;

# The parts as they are kept, of those that were told.
def kept_parts: [.parts[]? | {Material: .material, Quantity: .quantity.value, QuantityUnit: (.quantity.unit | in_theirs(units))}];
