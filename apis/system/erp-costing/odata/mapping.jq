# A_CostPosting of the service `erp` of the OData server <-> cost postings.

# `$reversal` is the document that takes it back, or null.
def cost_posting($reversal; $system):
  {
    id: .AccountingDocument,
    plant: .CompanyCode,
    amount: {amount: (.AmountInCurrency | decimal_text), currency: .Currency},
    costElement: .GLAccount,
    productionOrder: (.OrderID | text_or_null),
    maintenanceOrder: (.MaintenanceOrder | text_or_null),
    costCenter: (.CostCenter | text_or_null),
    text: (.DocumentText | text_or_null),
    reference: (.ReferenceID | text_or_null),
    postedOn: .PostingDate,
    period: .PostingDate[:7],
    status: (if $reversal == null then "posted" else "reversed" end),
    reverses: .ReversedDocument,
    reversedBy: $reversal,
    record: {system: $system, id: "A_CostPosting('\(.AccountingDocument)')"}
  }
  | present;

# A document never changes; what is known of it does once, when it is taken back.
def cost_version($reversal): "\(.LastChangeDateTime)-\($reversal // 0)";
def reversal_of($reversals): .AccountingDocument as $id | [$reversals[] | select(.ReversedDocument == $id) | .AccountingDocument] | first;

def cost_field: {id: "AccountingDocument", postedOn: "PostingDate"}[sort_name];
def day: if . == null then null else {"$date": .} end;
def days($member): {ge: (.parameters.from | day), le: (.parameters.to | day)} | present | if . == {} then {} else {($member): .} end;
def cost_rows($runtime):
  of_plant("CompanyCode"; $runtime) + equal("OrderID"; .parameters.productionOrder) + equal("MaintenanceOrder"; .parameters.maintenanceOrder)
  + equal("CostCenter"; .parameters.costCenter) + equal("GLAccount"; .parameters.costElement)
  + equal("ReferenceID"; .parameters.reference);
# The days stand in a condition of their own: the cursor may be about the same member.
def cost_page($runtime):
  cost_rows($runtime) + beyond(cost_field; "AccountingDocument"; day)
  + (days("PostingDate") | if . == {} then {} else {"$not": {"$not": .}} end);

def new_cost($plant):
  {
    CompanyCode: $plant,
    AmountInCurrency: (.amount.amount | decimal),
    Currency: .amount.currency,
    GLAccount: .costElement,
    OrderID: .productionOrder,
    MaintenanceOrder: .maintenanceOrder,
    CostCenter: .costCenter,
    DocumentText: .text,
    ReferenceID: .reference,
    PostingDate: (.postedOn | day)
  }
  | present;

def opposite: if startswith("-") then .[1:] else "-" + . end;
# Its number is made of the other's, so that there is one at most.
def reversal($request):
  {
    AccountingDocument: (.AccountingDocument | (if startswith("R") then "S" else "R" end) + .[1:]),
    CompanyCode: .CompanyCode,
    AmountInCurrency: (.AmountInCurrency | decimal_text | opposite | decimal),
    Currency: .Currency,
    GLAccount: .GLAccount,
    OrderID: .OrderID,
    MaintenanceOrder: .MaintenanceOrder,
    CostCenter: .CostCenter,
    DocumentText: $request.reason,
    ReferenceID: $request.reference,
    PostingDate: ($request.postedOn | day),
    ReversedDocument: .AccountingDocument
  }
  | present;

# --- receivers, as the rules ask for them ---

def production_fact: {id: .ManufacturingOrder, status: ({TECO: "completed", CANC: "cancelled"}[.OrderStatus] // "released")};
def maintenance_fact: {id: .MaintenanceOrder, status: (if .OrderStatus == "CANC" then "cancelled" else "released" end)};
