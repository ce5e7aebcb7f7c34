# The system that keeps the record: in a landscape the one that the call was routed to.
def system($runtime; $usual): $runtime.metadata.system? // $usual;
