# The service `maintenance` of the OData server <-> notifications, maintenance orders and what they are for.

def priorities: {"1": "urgent", "2": "high", "3": "normal", "4": "low"};
def order_types: {PM01: "corrective", PM02: "preventive", PM03: "predictive", PM04: "inspection"};
def order_states: {CRTD: "planned", REL: "released", INPR: "started", CNF: "completed", CANC: "cancelled"};
def notification_types: {M1: "malfunction", M2: "request", M3: "activity"};
def notification_states: {OPEN: "open", ORDR: "in-process", CLSD: "completed"};

# --- what it is for: a thing of the service's own register, and the place where it stands ---

# Which things of the register a request is about.
def things_meant($plant; $notification):
  {MaintenancePlant: $plant}
  + ((.physicalAsset // (if .equipment == null then $notification.physicalAsset else null end)) as $asset
     | if $asset != null then {Equipment: $asset} else {WorkCenter: .equipment} end);

def things_rows($runtime): of_plant("MaintenancePlant"; $runtime) + {WorkCenter: .parameters.equipment};
def at_the_equipment($input; $things):
  if $input.parameters.equipment == null then {} else {Equipment: {in: ($things | if . == [] then [""] else . end)}} end;

# --- notifications ---

def notification($system):
  {
    id: .MaintenanceNotification,
    plant: .MaintenancePlant,
    type: (.NotificationType | in_ours(notification_types)),
    description: .NotificationText,
    text: (.LongText | text_or_null),
    equipment: .to_Equipment.WorkCenter,
    physicalAsset: .Equipment,
    priority: (.MaintPriority | in_ours(priorities)),
    isBreakdown: .IsBreakdown,
    status: (.NotificationStatus | in_ours(notification_states)),
    reportedAt: .ReportedDateTime,
    reportedBy: (.ReportedByUser | text_or_null),
    malfunctionStart: .MalfunctionStartDateTime,
    malfunctionEnd: .MalfunctionEndDateTime,
    maintenanceOrder: .MaintenanceOrder,
    reference: (.ReferenceNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_MaintenanceNotification('\(.MaintenanceNotification)')"}
  }
  | present;

def notification_field: {id: "MaintenanceNotification", reportedAt: "ReportedDateTime"}[sort_name];
def notification_rows($runtime; $things):
  of_plant("MaintenancePlant"; $runtime) + at_the_equipment(.; $things) + equal("ReferenceNumber"; .parameters.reference)
  + one_of("NotificationType"; notification_types; .parameters.type) + one_of("MaintPriority"; priorities; .parameters.priority)
  + one_of("NotificationStatus"; notification_states; .parameters.status)
  + changed_since + beyond(notification_field; "MaintenanceNotification"; moment);

def new_notification($thing):
  {
    MaintenancePlant: $thing.MaintenancePlant,
    Equipment: $thing.Equipment,
    NotificationType: (.type | in_theirs(notification_types)),
    NotificationText: .description,
    LongText: .text,
    MaintPriority: (.priority | in_theirs(priorities)),
    IsBreakdown: .isBreakdown,
    ReportedDateTime: (.reportedAt | moment),
    ReportedByUser: .reportedBy,
    MalfunctionStartDateTime: (.malfunctionStart | moment),
    ReferenceNumber: .reference
  }
  | present;

# --- orders ---

def operation:
  {
    line: .MaintenanceOrderOperation,
    description: .OperationDescription,
    workCenter: .WorkCenter,
    plannedDuration: measure(.OperationPlannedWork; .OperationWorkUnit)
  }
  | present;

def order($system):
  {
    id: .MaintenanceOrder,
    plant: .MaintenancePlant,
    type: (.MaintenanceOrderType | in_ours(order_types)),
    description: .MaintenanceOrderDesc,
    text: (.LongText | text_or_null),
    equipment: .to_Equipment.WorkCenter,
    physicalAsset: .Equipment,
    notification: .MaintenanceNotification,
    priority: (.MaintPriority | in_ours(priorities)),
    status: (.OrderStatus | in_ours(order_states)),
    workCenter: .MainWorkCenter,
    plannedStart: .PlannedStartDateTime,
    plannedEnd: .PlannedEndDateTime,
    startedAt: .ActualStartDateTime,
    completedAt: .ActualEndDateTime,
    operations: (if .to_MaintenanceOrderOperation | length > 0 then [.to_MaintenanceOrderOperation[] | operation] else null end),
    cause: (.MaintenanceCause | text_or_null),
    reference: (.ReferenceNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: $system, id: "A_MaintenanceOrder('\(.MaintenanceOrder)')"}
  }
  | present;

def order_field: {id: "MaintenanceOrder", plannedStart: "PlannedStartDateTime", changedAt: "LastChangeDateTime"}[sort_name];
def order_rows($runtime; $things):
  of_plant("MaintenancePlant"; $runtime) + at_the_equipment(.; $things) + equal("ReferenceNumber"; .parameters.reference)
  + equal("MainWorkCenter"; .parameters.workCenter)
  + one_of("MaintenanceOrderType"; order_types; .parameters.type) + one_of("MaintPriority"; priorities; .parameters.priority)
  + one_of("OrderStatus"; order_states; .parameters.status)
  + changed_since + beyond(order_field; "MaintenanceOrder"; moment);

def new_operation:
  {
    MaintenanceOrderOperation: .line,
    OperationDescription: .description,
    WorkCenter: .workCenter,
    OperationPlannedWork: (.plannedDuration.value | decimal),
    OperationWorkUnit: (.plannedDuration.unit | in_theirs(units))
  }
  | present;

def new_order($thing):
  {
    MaintenancePlant: $thing.MaintenancePlant,
    Equipment: $thing.Equipment,
    MaintenanceOrderType: (.type | in_theirs(order_types)),
    MaintenanceOrderDesc: .description,
    LongText: .text,
    MaintPriority: (.priority | in_theirs(priorities)),
    MaintenanceNotification: .notification,
    MainWorkCenter: .workCenter,
    PlannedStartDateTime: (.plannedStart | moment),
    PlannedEndDateTime: (.plannedEnd | moment),
    ReferenceNumber: .reference,
    to_MaintenanceOrderOperation: (if .operations | length > 0 then [.operations[] | new_operation] else null end)
  }
  | present;

def completion:
  {
    MaintenanceCause: .cause,
    LongText: .text,
    MalfunctionEndDateTime: (.malfunctionEnd | moment),
    ActualWorkQuantity: (.duration.value | decimal),
    ActualWorkQuantityUnit: (.duration.unit | in_theirs(units))
  }
  | present;
