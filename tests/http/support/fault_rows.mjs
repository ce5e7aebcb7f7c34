// One row for each operation of the system APIs: how a good request for it is made at each plant. Whoever adds an
// operation adds its row; what a plant's system does not offer has NOT_OFFERED there, and a row once it does.
//
//   first    a list; its first item is what the operation is about: [list] or [list, of this item], or of another API
//            'api:list'
//   after    an operation that is done for it, anew; its answer is the item
//   behind   likewise, but that operation's own cases have ended with the answer: nothing is made for it. Of each one
//            stands behind it that changes the item
//   body     what is sent: a value, or of (item, box)
//   effect   the class of its first write, where it is not B with an ETag, and else C at plant 1010, A at 1020
//   asksBoth  its reads are of another system than its write
//   unknown  members of the body that name what is not there, where nothing in the path does
//   etagOf   whose ETag is meant, if it is not the path without its last part: 'api:path'
//
// A row holds for both plants, or has one for each: {1010: row, 1020: row}.

export const NOT_OFFERED = 'not offered';
export const SHARED = 'kept by one system for all plants'; // what happens at plant 1020 is all that can

const pieces = (value) => ({ value, unit: 'H87' });
const metres = (value) => ({ value, unit: 'MTR' });
const cloud = (row) => ({ 1010: SHARED, 1020: row });
// Kept by one system for all plants, whose rules ask the plant's own system: 1010's is another one.
const asked = (there, row) => ({ 1010: { effect: 'A', asksBoth: true, ...there }, 1020: row });
const by = (key, value) => (item) => item[key] === value;

const inventory = {
  listMaterials: {},
  getMaterial: { first: ['/materials'] },
  listMaterialLots: {},
  getMaterialLot: { first: ['/material-lots'] },
  listInventoryLevels: { query: { 1010: '?material=BOLT-M8&storageLocation=101B', 1020: '?storageLocation=102A' } },
  listGoodsMovements: {},
  postGoodsMovement: {
    1010: { body: { type: 'transfer', material: 'NUT-M8', from: '101B', to: '101D', quantity: pieces('2') }, unknown: { material: 'NOPE' } },
    1020: { body: { type: 'scrap', material: 'BAR-D25', lot: 'L260083', from: '102B', quantity: metres('0.125'), reason: 'bent' }, unknown: { material: 'NOPE' } },
  },
  getGoodsMovement: { behind: 'postGoodsMovement' },
  reverseGoodsMovement: {
    1010: { effect: 'C', behind: 'postGoodsMovement', body: { reason: 'Wrong place' } },
    1020: { effect: 'A', behind: 'postGoodsMovement', body: { reason: 'Wrong place' } },
  },
  listReservations: {},
  createReservation: {
    1010: { body: { material: 'BOLT-M8', storageLocation: '101B', quantity: pieces('3') }, unknown: { material: 'NOPE' } },
    1020: { body: { material: 'BAR-D20', lot: 'L260082', storageLocation: '102A', quantity: metres('0.5') }, unknown: { material: 'NOPE' } },
  },
  getReservation: { behind: 'createReservation' },
  cancelReservation: { behind: 'createReservation', body: {} },
};

const order = (material) => ({ material, quantity: pieces('8'), plannedStart: '2026-11-25', plannedEnd: '2026-11-27' });
const production = {
  listProductionOrders: {},
  createProductionOrder: {
    1010: { body: order('FRAME-S'), unknown: { material: 'NOPE' } },
    1020: { body: order('PUMP-NW25'), unknown: { material: 'NOPE' } },
  },
  getProductionOrder: { first: ['/production-orders'] },
  releaseProductionOrder: { behind: 'createProductionOrder', body: {} },
  startProductionOrder: {
    1010: { first: ['/production-orders?status=released', by('material', 'SHAFT-20')], body: {} },
    1020: { after: 'releaseProductionOrder', body: { at: '2026-11-20T06:30:00Z' } },
  },
  completeProductionOrder: {
    1010: { behind: 'startProductionOrder', body: { reason: 'The tool broke' } },
    1020: { after: 'startProductionOrder', body: { reason: 'The tool broke' } },
  },
  cancelProductionOrder: { after: 'createProductionOrder', body: {} },
  confirmProduction: {
    1010: { effect: 'D', first: ['/production-orders?status=started', by('material', 'BRACKET-A')], body: { yield: pieces('2') } },
    1020: { after: 'releaseProductionOrder', body: { yield: pieces('2'), operation: '0010' } },
  },
  listProductionConfirmations: {},
  getProductionConfirmation: { first: ['/production-confirmations'] },
  reverseProductionConfirmation: {
    1010: { behind: 'confirmProduction', body: { reason: 'Counted twice' } },
    1020: { after: 'confirmProduction', body: { reason: 'Counted twice' } },
  },
};

const bought = (supplier, material, unit) => ({
  supplier, currency: 'EUR', lines: [{ material, quantity: { value: '12', unit }, price: { amount: '0.25', currency: 'EUR' }, deliverOn: '2027-01-15' }],
});
const promise = ({ lines: [{ quantity }] }) => ({ answer: 'accepted', quantity, deliverOn: '2027-01-15', reference: 'AB-1' });
const notice = ({ id, supplier, lines: [{ line, material, quantity }] }) => ({
  supplier, reference: `LS-${id}`, expectedOn: '2027-01-16', lines: [{ purchaseOrder: id, purchaseOrderLine: line, material, quantity }],
});
const purchasing = {
  listPurchaseOrders: {},
  createPurchaseOrder: {
    1010: { body: bought('17300002', 'BOLT-M8', 'H87'), unknown: { supplier: '99999999' } },
    1020: { body: bought('27400001', 'BAR-D20', 'MTR'), unknown: { supplier: '99999999' } },
  },
  getPurchaseOrder: { first: ['/purchase-orders'] },
  sendPurchaseOrder: { behind: 'createPurchaseOrder', body: {} },
  cancelPurchaseOrder: { after: 'createPurchaseOrder', body: {} },
  confirmPurchaseOrderLine: {
    1010: { behind: 'sendPurchaseOrder', body: promise, etagOf: '/purchase-orders/{id}' },
    1020: { effect: 'A', after: 'sendPurchaseOrder', body: promise, etagOf: '/purchase-orders/{id}' },
  },
  listPurchaseOrderConfirmations: {},
  listDeliveries: {},
  announceDelivery: { after: 'sendPurchaseOrder', body: notice, unknown: { supplier: '99999999' } },
  getDelivery: { first: ['/deliveries'] },
  receiveDelivery: { behind: 'announceDelivery', body: {} },
  cancelDelivery: { after: 'announceDelivery', body: {} },
};

const contact = { address: { street: 'Hafenweg 4', postalCode: '20457', city: 'Hamburg', country: 'DE' }, email: 'sales@supplier.test' };
const partners = {
  listSuppliers: {},
  getSupplier: { first: ['/suppliers'] },
  changeSupplierContact: { first: ['/suppliers?status=active'], body: contact },
};

const assets = {
  listEquipment: {}, getEquipment: { first: ['/equipment'] }, listPhysicalAssets: {}, getPhysicalAsset: { first: ['/physical-assets'] },
};

const cost = (costElement) => ({ amount: { amount: '156.25', currency: 'EUR' }, costElement, costCenter: '200100' });
const expense = async (item, { erp }) => cost(String((await erp.search('account.account', [['name', '=', 'Main Expense']], ['name']))[0].id));
const costing = {
  listCostPostings: {},
  postCost: { 1010: { body: expense, unknown: { productionOrder: '99', costCenter: undefined } },
    1020: { body: cost('620000'), unknown: { productionOrder: '99', costCenter: undefined } } },
  getCostPosting: { behind: 'postCost' },
  reverseCostPosting: { 1010: { effect: 'C', behind: 'postCost', body: { reason: 'Wrong order' } }, 1020: { effect: 'A', after: 'postCost', body: { reason: 'Wrong order' } } },
};

const valued = ['0010', '0020'].map((line) => ({ line, valuation: 'accepted' }));
const defect = { severity: 'major', defect: { code: 'D104', description: 'Bore too wide' }, material: 'PUMP-NW32', lot: 'L260002', quantity: pieces('1') };
const lotRead = 'erp-inventory:/materials/{material}/lots/{lot}';
const scratch = { severity: 'minor', defect: { code: 'D1' }, material: 'SHEET-2MM' };
const quality = {
  listInspectionLots: cloud({}),
  getInspectionLot: cloud({ first: ['/inspection-lots'] }),
  recordInspectionResults: cloud({ first: ['/inspection-lots?status=open', by('lot', 'L260005')], body: { characteristics: valued } }),
  decideInspectionLot: cloud({ behind: 'recordInspectionResults', body: { code: 'accepted' } }),
  listNonconformances: cloud({}),
  openNonconformance: { 1010: { effect: 'A', body: scratch, unknown: { lot: 'NOPE' } }, 1020: { body: defect, unknown: { lot: 'NOPE' } } },
  getNonconformance: cloud({ first: ['/nonconformances'] }),
  disposeNonconformance: cloud({ after: 'openNonconformance', body: { disposition: 'rework' } }),
  closeNonconformance: cloud({ after: 'disposeNonconformance', body: { cause: 'Tool worn', correctiveAction: 'Shorter tool life' } }),
  cancelNonconformance: cloud({ after: 'openNonconformance', body: {} }),
  blockMaterialLot: {
    1010: { effect: 'C', first: ['erp-inventory:/material-lots?material=SHEET-5MM'], body: { reason: 'Leak' }, etagOf: lotRead },
    1020: { first: ['erp-inventory:/material-lots?status=released&material=SCREW-M8X25'], body: { reason: 'Leak' }, etagOf: lotRead },
  },
  releaseMaterialLot: {
    1010: { effect: 'C', behind: 'blockMaterialLot', body: {}, etagOf: lotRead },
    1020: { behind: 'blockMaterialLot', body: {}, etagOf: lotRead },
  },
};

const nth = (count) => (item, at) => at === count;
const mes = {
  listWorkCenters: {},
  getWorkCenter: { first: ['/work-centers'] },
  listOperations: {},
  getOperation: { first: ['/operations'] },
  startOperation: {
    1010: { first: ['/operations?status=released', by('productionOrder', '1')], body: {} },
    1020: { first: ['/operations?status=released', by('productionOrder', '2000011')], body: { at: '2026-11-20T06:30:00Z' } },
  },
  reportOperation: {
    1010: { effect: 'D', first: ['/operations?status=started', by('productionOrder', '1')], body: { duration: { value: '5', unit: 'MIN' } } },
    1020: { first: ['/operations?status=started'], body: { yield: pieces('1') } },
  },
  completeOperation: {
    1010: { first: ['/operations?status=started', by('productionOrder', '6')], body: {} },
    1020: { effect: 'A', first: ['/operations?status=started', nth(1)], body: { yield: pieces('1') } },
  },
};

const bolts = { from: '101B', to: '101D', lines: [{ material: 'BOLT-M6', quantity: pieces('4') }] };
const screws = { from: '102B', to: '102L', lines: [{ material: 'SCREW-M8X40', lot: 'L260065', quantity: pieces('2') }] };
const nothing = { lines: [{ material: 'NOPE', quantity: pieces('4') }] };
const wms = {
  listStorageLocations: {},
  getStorageLocation: { first: ['/storage-locations'] },
  listStock: { query: { 1010: '?material=BOLT-M8&storageLocation=101B', 1020: '?storageLocation=102A' } },
  listTransfers: {},
  createTransfer: { 1010: { body: bolts, unknown: nothing }, 1020: { body: screws, unknown: { lines: [{ ...screws.lines[0], lot: 'NOPE' }] } } },
  getTransfer: { behind: 'createTransfer' },
  assignTransfer: { behind: 'createTransfer', body: {} },
  completeTransfer: { behind: 'assignTransfer', body: {} },
  cancelTransfer: { after: 'createTransfer', body: {} },
  listStockCounts: {},
  recordStockCount: {
    1010: { effect: 'D', body: { storageLocation: '101B', material: 'WASHER-M20', counted: pieces('19990') }, unknown: { material: 'NOPE' } },
    1020: { body: { storageLocation: '102B', material: 'SCREW-M8X40', lot: 'L260065', counted: pieces('100') }, unknown: { material: 'NOPE' } },
  },
  getStockCount: { 1010: { first: ['/counts'] }, 1020: { after: 'recordStockCount' } },
};

const malfunction = { type: 'malfunction', description: 'Spindle is hot', priority: 'high', equipment: 'GRIND-1' };
const work = { type: 'corrective', description: 'Change the bearing', priority: 'urgent', physicalAsset: 'WASH-1' };
const maintenance = {
  listMaintenanceNotifications: cloud({}),
  createMaintenanceNotification: asked({ body: { ...malfunction, equipment: 'PRESS-4' }, unknown: { equipment: 'NOPE' } }, { body: malfunction, unknown: { equipment: 'NOPE' } }),
  getMaintenanceNotification: cloud({ first: ['/maintenance-notifications'] }),
  completeMaintenanceNotification: cloud({ after: 'createMaintenanceNotification', body: {} }),
  listMaintenanceOrders: cloud({}),
  createMaintenanceOrder: asked({ body: { ...work, physicalAsset: '1' }, unknown: { physicalAsset: 'NOPE' } }, { body: work, unknown: { physicalAsset: 'NOPE' } }),
  getMaintenanceOrder: cloud({ first: ['/maintenance-orders'] }),
  releaseMaintenanceOrder: cloud({ after: 'createMaintenanceOrder', body: {} }),
  startMaintenanceOrder: cloud({ after: 'releaseMaintenanceOrder', body: {} }),
  completeMaintenanceOrder: cloud({ after: 'startMaintenanceOrder', body: { cause: 'Bearing worn' } }),
  cancelMaintenanceOrder: cloud({ after: 'createMaintenanceOrder', body: {} }),
};

const pumps = { shipTo: { name: 'Gate 4', city: 'Graz', country: 'AT' }, lines: [{ material: 'PUMP-NW25', quantity: pieces('2'), lot: 'L260001' }] };
const motors = { ...pumps, lines: [{ material: 'MOTOR-0K37', quantity: pieces('1'), lot: 'LOT-1301' }] };
const nothingSuch = { material: 'NOPE', quantity: pieces('2') };
const logistics = {
  listShipments: cloud({}),
  createShipment: asked({ body: motors, unknown: { lines: [nothingSuch] } }, { body: pumps, unknown: { lines: [nothingSuch] } }),
  getShipment: cloud({ first: ['/shipments'] }),
  dispatchShipment: asked({ behind: 'createShipment', effect: 'B', body: { carrier: 'Spedition Roth' } }, { after: 'createShipment', body: { carrier: 'Spedition Roth' } }),
  reportShipmentEvent: cloud({ after: 'dispatchShipment', body: { at: '2126-11-25T15:20:00Z', code: 'delayed', place: 'Hub Kassel' } }),
  confirmShipmentDelivery: cloud({ after: 'dispatchShipment', body: { signedBy: 'K. Huber' } }),
  cancelShipment: cloud({ after: 'createShipment', body: {} }),
};

const call = { customer: 'Molkerei Almgrund eG', type: 'repair', description: 'Pump leaks', priority: 'high' };
const visit = { technician: 'T-07', appointment: { start: '2026-11-24T08:00:00+01:00' } };
const service = {
  listServiceOrders: cloud({}),
  createServiceOrder: cloud({ body: call }),
  getServiceOrder: cloud({ first: ['/service-orders'] }),
  dispatchServiceOrder: cloud({ after: 'createServiceOrder', body: visit }),
  startServiceOrder: cloud({ after: 'dispatchServiceOrder', body: {} }),
  completeServiceOrder: cloud({ after: 'startServiceOrder', body: { text: 'Seal changed' } }),
  cancelServiceOrder: cloud({ after: 'createServiceOrder', body: {} }),
};

export const ROWS = {
  'erp-inventory': inventory, 'erp-production': production, 'erp-purchasing': purchasing, 'erp-partners': partners, 'erp-assets': assets,
  'erp-costing': costing, 'erp-quality': quality, mes, wms, maintenance, logistics, 'field-service': service,
};

/** The row of an operation at a plant; undefined: there is none. */
export function rowOf({ api, name }, plant) {
  const row = ROWS[api]?.[name];
  return row && (row[plant] ?? (row[1010] || row[1020] ? undefined : row));
}
