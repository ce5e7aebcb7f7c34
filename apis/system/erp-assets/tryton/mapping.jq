# Tryton's locations, work centres and fixed assets <-> equipment and physical assets.

def asset_states: {draft: "planned", running: "active", closed: "disposed"};

# Of two decimals, exactly: counted in millionths.
def less($one; $other):
  (($one | tonumber * 1000000 | round) - ($other | tonumber * 1000000 | round)) as $left
  | "\($left / 1000000 | floor).\($left % 1000000 | tostring | ("000000" + .)[-6:] | .[:2])";

def changed: .write_date // .create_date;

def physical_asset($plant; $system):
  .company.currency.code as $currency
  | {
      id: "\(.id)",
      plant: $plant,
      description: .product.template.name,
      material: .product.code,
      status: asset_states[.state],
      acquiredOn: .purchase_date,
      acquisitionValue: {amount: .value, currency: $currency},
      bookValue: {amount: less(.value; .depreciated_amount // "0"), currency: $currency},
      changedAt: changed,
      record: {system: $system, id: "account.asset,\(.id)"}
    }
  | present;

def asset_fields:
  ["product.code", "product.template.name", "value", "depreciated_amount", "purchase_date", "state", "company.currency.code",
   "write_date", "create_date", "_timestamp"];
def day: if . == null then null else {"$date": .} end;
def asset_field: {id: "id", acquiredOn: "purchase_date"}[sort_name];
def asset_mark: if type == "string" then day else . end;
def asset_domain:
  (.parameters.status as $status | if $status == null then []
   else [["state", "in", [asset_states | to_entries[] | select(.value == $status) | .key]]] end)
  # What Tryton does not keep of an asset nobody finds by it.
  + (if .parameters.equipment != null or .parameters.serialNumber != null then [["id", "=", -1]] else [] end)
  + beyond_domain(asset_field; asset_mark);
def number_of: if test("^[0-9]{1,9}$") then tonumber else -1 end;

# --- places ---

def location($plant; $system):
  {
    id: .code, plant: $plant, description: .name, level: "storage-zone",
    parent: (if .parent.code == $plant then null else .parent.code end), status: "available", changedAt: changed,
    record: {system: $system, id: "stock.location,\(.id)"}
  }
  | present;

def work_center($plant; $busy; $system):
  {
    id: .name,
    plant: $plant,
    description: (.category.name // .name),
    level: "work-center",
    parent: (if .parent.parent == null then null else .parent.name end),
    status: (if .id | IN($busy[]) then "in-use" else "available" end),
    costRate: (if .cost_price == null then null
      else {price: {amount: .cost_price, currency: .company.currency.code}, per: {hour: "HUR", cycle: "H87"}[.cost_method]} end),
    changedAt: changed,
    record: {system: $system, id: "production.work.center,\(.id)"}
  }
  | present;

# `.` is what the three branches have read: locations, work centres, works that run.
def equipment($plant; $system):
  [.[2][].work_center.id] as $busy
  | [.[0][] | select(.code != null and .warehouse.code == $plant) | location($plant; $system)]
    + [.[1][] | select(.parent != null) | work_center($plant; $busy; $system)];
