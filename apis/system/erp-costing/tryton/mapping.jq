# Tryton's account moves <-> cost postings. A move has no receiver, and neither reference nor key: all of them stand in its
# `description`: "<receiver>:<id> [reverses:<number>] <text> ~<reference> ~<key>".

# The operator's choice: where the postings are journalized, and what bears the other side.
def journal_code: "EXP";
def clearing_account: "Main Revenue";

def receivers: ["productionOrder", "maintenanceOrder", "costCenter"];

def described($reverses; $key):
  . as $cost
  | ([receivers[] | select($cost[.] != null) | "\(.):\($cost[.])"][0])
    + (if $reverses == null then "" else " reverses:\($reverses)" end)
    + (if .text == null then "" else " \(.text)" end)
    + " ~\(.reference // "") ~\($key)";

def told:
  split(" ~") as $parts
  | ($parts[:-2] | join(" ~")
     | capture("^(?<kind>[a-zA-Z]+):(?<id>[^ ]+)( reverses:(?<reverses>[^ ]+))?( (?<text>.*))?$"))
    + {reference: $parts[-2]};

def cost_fields:
  ["number", "date", "description", "period.name", "company.currency.code", "journal", "company",
   "lines.account.code", "lines.debit", "lines.credit", "_timestamp"];

# An account is called by its code, and one that has none by its id.
def cost_element: .code // "\(.id)";
def account_id: if test("^[0-9]{1,9}$") then tonumber else -1 end;
def account_domain: [["OR", ["code", "=", .], [["code", "=", null], ["id", "=", account_id]]]];
def line_domain: [["lines", "where", [["OR", ["account.code", "=", .], [["account.code", "=", null], ["account", "=", account_id]]]]]];

def signed: if .debit | tonumber != 0 then .debit else (if .credit | tonumber == 0 then .credit else "-\(.credit)" end) end;

def cost_posting($plant; $reversal; $system):
  (.description | told) as $told
  | (.lines | sort_by(.id)[0]) as $line
  | {
      id: .number,
      plant: $plant,
      amount: {amount: ($line | signed), currency: .company.currency.code},
      costElement: ($line.account | cost_element),
      ($told.kind): $told.id,
      text: ($told.text | text_or_null),
      reference: ($told.reference | text_or_null),
      postedOn: .date,
      period: .period.name,
      status: (if $reversal == null then "posted" else "reversed" end),
      reverses: $told.reverses,
      reversedBy: $reversal,
      record: {system: $system, id: "account.move,\(.id)"}
    }
  | present;

def cost_version($reversal): "\(._timestamp)-\($reversal // 0)";
def reversal_of($reversals): .number as $number | [$reversals[] | select((.description | told).reverses == $number) | .number] | first;

# --- domains ---

def literal: gsub("(?<sign>[%_\\\\])"; "\\" + .sign);
def day: if . == null then null else {"$date": .} end;
def is_cost: [["state", "=", "posted"], ["OR"] + [receivers[] | [["description", "like", "\(.):%"]]]];
def reverses_domain($numbers): ["OR"] + [$numbers[] | [["description", "like", "% reverses:\(. | literal) %"]]];

def cost_field: {id: "id", postedOn: "date"}[sort_name];
def cost_mark: if type == "string" then day else . end;
def cost_domain:
  .parameters as $asked
  | is_cost
  + [receivers[] | select($asked[.] != null) | ["description", "like", "\(.):\($asked[.] | literal) %"]]
  + (if $asked.costElement == null then [] else ($asked.costElement | line_domain) end)
  + (if $asked.reference == null then [] else [["description", "like", "% ~\($asked.reference | literal) ~%"]] end)
  + (if $asked.from == null then [] else [["date", ">=", ($asked.from | day)]] end)
  + (if $asked.to == null then [] else [["date", "<=", ($asked.to | day)]] end)
  + beyond_domain(cost_field; cost_mark);

# --- what is written ---

def line($account; $amount):
  {
    account: $account,
    debit: {"$decimal": (if $amount | startswith("-") then "0" else $amount end)},
    credit: {"$decimal": (if $amount | startswith("-") then $amount[1:] else "0" end)}
  };
def opposite: if startswith("-") then .[1:] else "-" + . end;

def move($account; $clearing; $company; $journal; $period; $date; $amount; $description):
  {
    company: $company, journal: $journal, period: $period, date: ($date | day), description: $description,
    lines: [["create", [line($account; $amount), line($clearing; $amount | opposite)]]]
  };

def production_fact:
  {id: .number, status: {request: "planned", draft: "planned", waiting: "released", assigned: "released", running: "started", done: "completed", cancelled: "cancelled"}[.state]};
def maintenance_fact: {id: .MaintenanceOrder, status: (if .OrderStatus == "CANC" then "cancelled" else "released" end)};
