'use strict';

// Orders, their operations, and what is confirmed of them.

const cds = require('@sap/cds');
const { nextNumber, numbered, transition, guard, mustExist, now, isAdmin } = require('./numbers');
const { postAlong, takeBackAlong, rounded } = require('./stock');

const OPEN = ['REL', 'INPR'];
const MOVEMENTS = ['261', '131'];

const isReleased = () => ({ ActualReleaseDateTime: now() });
const isStarted = ({ data }, { ActualStartDateTime }) => ({ ActualStartDateTime: data.ActualStartDateTime ?? ActualStartDateTime ?? now() });
const isEnded = () => ({ ActualEndDateTime: now() });

async function planOrder(req) {
  const { ProductionPlant: Plant, StorageLocation } = req.data;
  if (StorageLocation) await mustExist(req, 'StorageLocations', { Plant, StorageLocation }, 'StorageLocation');
  return numbered('ProductionOrders', 'ManufacturingOrder', 1000001)(req);
}

async function isUntouched(req, { ManufacturingOrder }) {
  const { ProductionOperations } = cds.entities('factory');
  const begun = await SELECT.one.from(ProductionOperations).where({ ManufacturingOrder, OperationStatus: { '!=': 'OPEN' } });
  return begun ? { refuse: `Order ${ManufacturingOrder} has begun`, target: 'OrderStatus' } : {};
}

// --- operations ---

const minutes = (value, unit) => Number(value ?? 0) * (unit === 'H' ? 60 : 1);

async function startOperation(req) {
  const { ProductionOrders, ProductionOperations, WorkCenters } = cds.entities('factory');
  const { ManufacturingOrder, ManufacturingOrderOperation } = req.params.at(-1);
  const place = { ManufacturingOrder, ManufacturingOrderOperation };
  const operation = await SELECT.one.from(ProductionOperations).where(place);
  const order = await SELECT.one.from(ProductionOrders).where({ ManufacturingOrder });
  if (!operation || !order) return req.reject(404);
  if (!OPEN.includes(order.OrderStatus)) return req.reject(409, `Order ${ManufacturingOrder} is ${order.OrderStatus}`, 'OrderStatus');
  if (operation.OperationStatus !== 'OPEN') return req.reject(409, `It is ${operation.OperationStatus}, not OPEN`, 'OperationStatus');
  const center = await SELECT.one.from(WorkCenters).where({ Plant: order.ProductionPlant, WorkCenter: operation.WorkCenter });
  if (center && center.WorkCenterStatus !== 'AVLB') return req.reject(422, `Work centre ${center.WorkCenter} is ${center.WorkCenterStatus}`, 'WorkCenter');
  const ActualStartDateTime = req.data.ActualStartDateTime ?? now();
  await UPDATE(ProductionOperations).set({ OperationStatus: 'STRT', ActualStartDateTime }).where(place);
  return SELECT.one.from(ProductionOperations).where(place);
}

// --- confirmations ---

async function checkConfirmation(req, order, operation) {
  const { ConfirmationYieldQuantity: yielded = 0, ConfirmationScrapQuantity: scrap = 0, ConfirmedDuration, IsFinalConfirmation } = req.data;
  if (!OPEN.includes(order.OrderStatus))
    return req.reject(409, `Order ${order.ManufacturingOrder} is ${order.OrderStatus}, not REL`, 'OrderStatus');
  if (IsFinalConfirmation && operation.OperationStatus === 'CNF') return req.reject(409, 'It is confirmed for good', 'OperationStatus');
  if (!(Number(yielded) >= 0) || !(Number(scrap) >= 0)) return req.reject(422, 'Quantities must not be negative', 'ConfirmationYieldQuantity');
  if (Number(yielded) + Number(scrap) === 0 && !ConfirmedDuration && !IsFinalConfirmation)
    return req.reject(422, 'A confirmation confirms something', 'ConfirmationYieldQuantity');
  if (Number(operation.ConfirmedYieldQuantity ?? 0) + Number(yielded) > (Number(order.TotalQuantity) * (100 + Number(order.OverdeliveryTolerance ?? 10))) / 100)
    return req.reject(422, `The order is over ${order.TotalQuantity} ${order.ProductionUnit} only`, 'ConfirmationYieldQuantity');
  return undefined;
}

// What was used leaves the stock, what was made comes to it.
async function moveAlong(req, { ManufacturingOrder, ProductionPlant: Plant }) {
  for (const [i, item] of (req.data.to_ConfirmationMovement ?? []).entries()) {
    const { GoodsMovementType, Material, Batch, StorageLocation, Quantity, EntryUnit: unit } = item;
    if (!MOVEMENTS.includes(GoodsMovementType)) return req.reject(422, `No confirmation posts ${GoodsMovementType}`, 'GoodsMovementType');
    const { MaterialDocument, EntryUnit } = await postAlong(req, {
      Material, Plant, StorageLocation, Batch, GoodsMovementType, Quantity, EntryUnit: unit, ReferenceDocument: ManufacturingOrder,
    });
    Object.assign(item, { ConfirmationMovement: String(i + 1).padStart(4, '0'), MaterialDocument, EntryUnit });
  }
  return undefined;
}

// What an operation and its order have of it: `sign` -1 where a confirmation is taken back.
async function addUp(order, operation, confirmation, sign, status) {
  const { ProductionOrders, ProductionOperations } = cds.entities('factory');
  const { ManufacturingOrder, ManufacturingOrderOperation } = operation;
  const plus = (member, value) => rounded(Number(operation[member] ?? 0) + sign * Number(value ?? 0));
  const yielded = plus('ConfirmedYieldQuantity', confirmation.ConfirmationYieldQuantity);
  const scrap = plus('ConfirmedScrapQuantity', confirmation.ConfirmationScrapQuantity);
  const ConfirmedDuration = plus('ConfirmedDuration', minutes(confirmation.ConfirmedDuration, confirmation.ConfirmedDurationUnit));
  const [OperationStatus, times] = status(yielded);
  await UPDATE(ProductionOperations)
    .set({ ConfirmedYieldQuantity: yielded, ConfirmedScrapQuantity: scrap, ConfirmedDuration, OperationStatus, ...times })
    .where({ ManufacturingOrder, ManufacturingOrderOperation });
  const last = await SELECT.one.from(ProductionOperations).where({ ManufacturingOrder }).orderBy({ ManufacturingOrderOperation: 'desc' });
  if (last.ManufacturingOrderOperation !== ManufacturingOrderOperation) return undefined;
  const isDone = OperationStatus === 'CNF';
  return UPDATE(ProductionOrders)
    .set({
      ConfirmedQuantity: yielded, ScrapQuantity: scrap,
      ...(isDone ? { OrderStatus: 'CNF', ...isEnded() } : { OrderStatus: order.OrderStatus === 'CNF' ? 'INPR' : order.OrderStatus, ActualEndDateTime: null }),
    })
    .where({ ManufacturingOrder });
}

async function confirmOperation(req) {
  const { ManufacturingOrder, ManufacturingOrderOperation } = req.data;
  const order = await mustExist(req, 'ProductionOrders', { ManufacturingOrder }, 'ManufacturingOrder');
  const place = { ManufacturingOrder, ManufacturingOrderOperation };
  const operation = await mustExist(req, 'ProductionOperations', place, 'ManufacturingOrderOperation');
  if (!order || !operation) return req.reject(422, 'A confirmation names an order and its operation');
  await checkConfirmation(req, order, operation);
  await moveAlong(req, order);
  Object.assign(req.data, {
    Plant: order.ProductionPlant,
    WorkCenter: req.data.WorkCenter ?? operation.WorkCenter,
    ConfirmationUnit: req.data.ConfirmationUnit ?? order.ProductionUnit,
    ConfirmationDateTime: req.data.ConfirmationDateTime ?? now(),
  });
  req.data.ConfirmationNumber ??= await nextNumber(cds.entities('factory').ProductionConfirmations, 'ConfirmationNumber', 7000000001);
  const { ConfirmationDateTime: at, ConfirmationStartDateTime, IsFinalConfirmation } = req.data;
  return addUp(order, operation, req.data, 1, (yielded) => {
    const isDone = IsFinalConfirmation || yielded >= Number(order.TotalQuantity) || operation.OperationStatus === 'CNF';
    const ActualStartDateTime = operation.ActualStartDateTime ?? ConfirmationStartDateTime ?? at;
    return [isDone ? 'CNF' : 'PCNF', { ActualStartDateTime, ActualEndDateTime: isDone ? at : null }];
  });
}

// In what state an operation is without the confirmation that is taken back.
async function stateWithout(order, { ManufacturingOrder, ManufacturingOrderOperation, ActualStartDateTime }, ConfirmationNumber) {
  const others = await SELECT.from(cds.entities('factory').ProductionConfirmations)
    .where({ ManufacturingOrder, ManufacturingOrderOperation, IsReversed: false, ConfirmationNumber: { '!=': ConfirmationNumber } });
  return (yielded) => {
    if (others.length === 0) return ['OPEN', { ActualStartDateTime: null, ActualEndDateTime: null }];
    if (yielded >= Number(order.TotalQuantity) || others.some((one) => one.IsFinalConfirmation)) return ['CNF', {}];
    return ['PCNF', { ActualStartDateTime, ActualEndDateTime: null }];
  };
}

async function reverseConfirmation(req) {
  const { ProductionConfirmations, ProductionOrders, ProductionOperations, ConfirmationMovements } = cds.entities('factory');
  const { ConfirmationNumber } = req.params.at(-1);
  const confirmation = await SELECT.one.from(ProductionConfirmations).where({ ConfirmationNumber });
  if (!confirmation) return req.reject(404);
  if (confirmation.IsReversed) return req.reject(409, `Confirmation ${ConfirmationNumber} is taken back`, 'IsReversed');
  const { ManufacturingOrder, ManufacturingOrderOperation } = confirmation;
  const order = await SELECT.one.from(ProductionOrders).where({ ManufacturingOrder });
  if (![...OPEN, 'CNF'].includes(order.OrderStatus)) return req.reject(422, `Order ${ManufacturingOrder} is ${order.OrderStatus}`, 'OrderStatus');
  for (const { MaterialDocument } of await SELECT.from(ConfirmationMovements).where({ ConfirmationNumber })) await takeBackAlong(req, MaterialDocument);
  const operation = await SELECT.one.from(ProductionOperations).where({ ManufacturingOrder, ManufacturingOrderOperation });
  await addUp(order, operation, confirmation, -1, await stateWithout(order, operation, ConfirmationNumber));
  await UPDATE(ProductionConfirmations).set({ IsReversed: true, ReversalReason: req.data.ReversalReason }).where({ ConfirmationNumber });
  return SELECT.one.from(ProductionConfirmations).where({ ConfirmationNumber });
}

// The state of an order is the actions', but for who sets the system up.
function guardOrder(req) {
  if (!isAdmin(req)) guard('OrderStatus')(req);
}

function offerProduction(service) {
  const order = (from, to, more) => transition('ProductionOrders', 'ManufacturingOrder', 'OrderStatus', from, to, more);
  service.before('CREATE', 'A_ProductionOrder', planOrder);
  service.before('UPDATE', 'A_ProductionOrder', guardOrder);
  service.on('Release', 'A_ProductionOrder', order(['CRTD'], 'REL', isReleased));
  service.on('Start', 'A_ProductionOrder', order(['REL'], 'INPR', isStarted));
  service.on('TechnicallyComplete', 'A_ProductionOrder', order(['REL', 'INPR', 'CNF'], 'TECO', isEnded));
  service.on('Cancel', 'A_ProductionOrder', order(['CRTD', 'REL'], 'CANC', isUntouched));
  service.on('Start', 'A_ProductionOrderOperation', startOperation);
  service.before('CREATE', 'A_ProductionConfirmation', confirmOperation);
  service.on('Reverse', 'A_ProductionConfirmation', reverseConfirmation);
}

module.exports = { offerProduction };
