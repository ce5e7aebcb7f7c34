# What the mappings of the OData server's services share.

def units:
  {PC: "H87", KG: "KGM", G: "GRM", M: "MTR", MM: "MMT", M2: "MTK", M3: "MTQ", L: "LTR", MIN: "MIN", H: "HUR"};

# A code of theirs in ours, by a table {theirs: ours}; and back. What is not in the table has no meaning here.
def in_ours($table): if . == null then null else $table[.] // error("no meaning is known of \(.)") end;
def all_in_theirs($table): . as $ours | [$table | to_entries[] | select(.value == $ours) | .key];
def in_theirs($table): if . == null then null else all_in_theirs($table)[0] // error("no code is known for \(.)") end;

def measure($value; $unit): if $value == null then null else {value: ($value | decimal_text), unit: ($unit | in_ours(units))} end;
def decimal: if . == null then null else {"$decimal": .} end;
def moment: if . == null then null else {"$datetime": .} end;

# Which rows a list is over.
def of_plant($member; $runtime): plant($runtime; .) as $plant | if $plant == "-" then {} else {($member): $plant} end;
def one_of($member; $table; $ours): if $ours == null then {} else {($member): {in: ($ours | all_in_theirs($table))}} end;
def equal($member; $value): if $value == null then {} else {($member): $value} end;
def changed_since: .parameters.changedSince as $since
  | if $since == null then {} else {LastChangeDateTime: {ge: ($since | moment)}} end;
# What the service does not keep nobody finds by it.
def never_by($key; $value): if $value == null then {} else {($key): ""} end;

# The entity's tag, and whether it is the one that the caller means.
def version: .["@etag"] | ltrimstr("W/");
def is_stale($input): version != $input.parameters["If-Match"];
def shown(item): {body: item, headers: {etag: version}};
def made($collection; item): item as $item | {body: $item, headers: {etag: version, location: "\($collection)/\($item.id)"}};
