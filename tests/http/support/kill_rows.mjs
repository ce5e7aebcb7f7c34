// Writes of each API during which a gateway is killed, and what in the ERP is counted then. How a good request is made
// stands in fault_rows.mjs.

const tryton = (model, domain = []) => ({ name: `Tryton's ${model}`, of: async ({ erp }) => (await erp.search(model, domain, ['id'])).length });
const odata = (service, entity) => ({ name: `${service}'s ${entity}`, of: async (box) => (await box.odata(service, `${entity}?$top=5000`)).length });

// Told again under its key: what it has made (A, C), or that nobody knows (D).
const MADE = [201];
const UNKNOWN = [409, 'outcome-unknown'];

const transfers = tryton('stock.shipment.internal');
const moves = tryton('account.move');

export const KILLS = [
  ['erp-inventory', 'createReservation', '1010', transfers, MADE],
  ['erp-inventory', 'createReservation', '1020', odata('erp', 'A_Reservation'), MADE],
  ['erp-inventory', 'postGoodsMovement', '1010', transfers, MADE],
  ['erp-inventory', 'postGoodsMovement', '1020', odata('erp', 'A_MaterialDocument'), MADE],
  ['erp-production', 'createProductionOrder', '1010', tryton('production'), MADE],
  ['erp-production', 'createProductionOrder', '1020', odata('erp', 'A_ProductionOrder'), MADE],
  ['erp-production', 'confirmProduction', '1010', tryton('stock.move', [['production_output.number', '=', '1']]), UNKNOWN],
  ['erp-production', 'confirmProduction', '1020', odata('erp', 'A_ProductionConfirmation'), MADE],
  ['erp-purchasing', 'createPurchaseOrder', '1010', tryton('purchase.purchase'), MADE],
  ['erp-purchasing', 'createPurchaseOrder', '1020', odata('erp', 'A_PurchaseOrder'), MADE],
  ['erp-purchasing', 'announceDelivery', '1010', tryton('stock.shipment.in'), MADE],
  ['erp-purchasing', 'announceDelivery', '1020', odata('erp', 'A_InboundDelivery'), MADE],
  ['erp-partners', 'changeSupplierContact', '1010', tryton('party.contact_mechanism', [['value', '=', 'sales@supplier.test']]), [200]],
  ['erp-costing', 'postCost', '1010', moves, MADE],
  ['erp-costing', 'postCost', '1020', odata('erp', 'A_CostPosting'), MADE],
  ['erp-quality', 'openNonconformance', '1020', odata('quality', 'A_Nonconformance'), MADE],
  ['mes', 'reportOperation', '1010', tryton('production.work.cycle'), UNKNOWN],
  ['wms', 'createTransfer', '1010', transfers, MADE],
  ['wms', 'recordStockCount', '1010', tryton('stock.inventory'), UNKNOWN],
  ['maintenance', 'createMaintenanceNotification', '1020', odata('maintenance', 'A_MaintenanceNotification'), MADE],
  ['maintenance', 'createMaintenanceOrder', '1020', odata('maintenance', 'A_MaintenanceOrder'), MADE],
  ['logistics', 'createShipment', '1020', odata('logistics', 'A_Shipment'), MADE],
  ['logistics', 'reportShipmentEvent', '1020', odata('logistics', 'A_ShipmentEvent'), [200]],
  ['field-service', 'createServiceOrder', '1020', odata('field-service', 'A_ServiceOrder'), MADE],
].map(([api, name, plant, counter, says]) => ({ api, name, plant, counter, says, title: `${api} ${name} at ${plant}` }));
