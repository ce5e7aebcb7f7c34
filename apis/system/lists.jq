# Lists: what is asked of a system for a page, and the page of what it answers. Behind common.jq.

# What the filter of a system takes for a value of that field.
def marked($field):
  if . == null then null
  elif $field | test("DateTime$") then {"$datetime": .}
  elif $field | test("(Date|_date)$") then {"$date": .}
  else . end;

def in_list: if length == 0 then [""] else unique end; # never empty: that would be no condition

# --- OData ---

def all_of: map(select(. != {})) | if length == 0 then {} else {"$and": .} end;

# Of a flow's input: {filter, orderby, top, skip} beyond the cursor by one key.
def odata_query($filter; $field; $key):
  {
    filter: ([$filter, beyond($field; $key; marked($field))] | all_of),
    orderby: in_order($field; $key), top: (limit + 1), skip: 0,
  };

# The same where no single key orders the rows: the cursor counts them. $fields: the order.
def odata_query_counted($filter; $fields):
  (if is_descending then " desc" else "" end) as $down
  | {filter: $filter, orderby: ($fields | map(. + $down) | join(",")), top: (limit + 1), skip: (cursor | if . == null then 0 else .o end)};

def odata_page($input; $field; $key; item): page($input; item; {v: .[$field], k: .[$key]});

def counted_page($input; item):
  ($input | cursor | if . == null then 0 else .o end) as $before
  | page($input; item; {o: ($before + ($input | limit))});

def since($field): .parameters.changedSince as $at | if $at == null then {} else {($field): {ge: {"$datetime": $at}}} end;

def day_range($field):
  .parameters as $p
  | if $p.from == null and $p.to == null then {}
    else {($field): ((if $p.from == null then {} else {ge: ($p.from | marked($field))} end)
      + (if $p.to == null then {} else {le: ($p.to | marked($field))} end))} end;

# --- Tryton ---

def tryton_query($domain; $field):
  {domain: ($domain + beyond_domain($field; marked($field))), order: order_by($field), limit: (limit + 1)};

def tryton_page($input; $field; item): page($input; item; {v: getpath($field | split(".")), k: .id});

def since_domain:
  .parameters.changedSince as $at
  | if $at == null then []
    else [["OR", ["write_date", ">=", {"$datetime": $at}], [["write_date", "=", null], ["create_date", ">=", {"$datetime": $at}]]]] end;

def day_domain($field):
  .parameters as $p
  | (if $p.from == null then [] else [[$field, ">=", {"$date": $p.from}]] end)
    + (if $p.to == null then [] else [[$field, "<=", {"$date": $p.to}]] end);

def equal_domain($field; $value): if $value == null then [] else [[$field, "=", $value]] end;

# Rows with the times of their last change, as a page of ids in that order: {items, next?}.
def changed_page($input):
  map({id, at: (.write_date // .create_date)}) | sort_by([.at, .id])
  | (if $input | is_descending then reverse else . end)
  | .[($input | cursor | if . == null then 0 else .o end):]
  | counted_page($input; .id);
