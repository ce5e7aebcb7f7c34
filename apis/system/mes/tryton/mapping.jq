# Tryton's works and work centres <-> the canonical models of mes; what an operation looks like is erp-production's.

def work_fields: operation_fields + ["production.number", "production.state", "production._timestamp"];

def shop_operation($plant): {plant: $plant, productionOrder: .production.number} + operation;

def work_version: "\(._timestamp)-\([.cycles[]._timestamp] | max // "0")-\(.cycles | length)-\(.state)";

def work_states: {planned: ["request"], released: ["draft", "waiting"], started: ["running"], completed: ["finished", "done"], cancelled: []};

# Works begin in the order in which they were made: of `startedAt` there is nothing to sort by.
def work_sort_field: {productionOrder: "production.number", startedAt: "id"}[.parameters.sort // "productionOrder" | ltrimstr("-")];

def work_place($field): {v: (if $field == "id" then .id else .production.number end), k: .id};

def work_domain:
  .parameters as $asked
  | [
      (if $asked.productionOrder then ["production.number", "=", $asked.productionOrder] else empty end),
      (if $asked.workCenter then ["work_center.name", "=", $asked.workCenter] else empty end),
      (if $asked.status then ["state", "in", work_states[$asked.status]] else empty end)
    ]
    + beyond_domain(work_sort_field; .);

# --- work centres: they have names, no numbers; the one without a parent stands for the plant ---

def center_fields: ["name", "parent.name", "parent.parent", "category.name", "cost_price", "cost_method", "company.currency.code", "create_date", "write_date", "_timestamp"];

def center_status($busy): .id as $id | if any($busy[]; . == $id) then "in-use" else "available" end;

def center($plant; $busy):
  {
    id: .name,
    plant: $plant,
    description: (.category.name // .name),
    level: "work-center",
    parent: (if .parent.parent == null then null else .parent.name end),
    status: center_status($busy),
    costRate: (if .cost_price == null then null
      else {price: {amount: .cost_price, currency: .company.currency.code}, per: {hour: "HUR", cycle: "H87"}[.cost_method]} end),
    changedAt: changed,
    record: {system: "plant1-erp", id: "production.work.center,\(.id)"}
  }
  | present;

def center_domain:
  .parameters as $asked
  | [["parent", "!=", null], (if $asked.parent then ["parent.name", "=", $asked.parent] else empty end)]
    + beyond_domain("name"; .);

# --- what is written ---

def seconds: (.value | tonumber) * ({MIN: 60, HUR: 3600, SEC: 1}[.unit] // error("the unit \(.unit) is none of time"));

# Whether a running operation has that duration already.
def has_duration($request):
  .state == "running" and $request.duration != null
  and ([.cycles[] | select(.state == "running")] | first | .duration) == ($request.duration | seconds);
