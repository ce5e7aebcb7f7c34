'use strict';

// The few rules of business that a client of the ERP can run into.

const cds = require('@sap/cds');
const { nextNumber, numbered, transition, guard, mustExist, now, today, isAdmin } = require('./numbers');

const RECEIPTS = ['101', '501', '561']; // goods receipt, without order, initial
const ISSUES = ['261', '551']; // goods issue to an order, scrapping
const TOLERANCE = 1.1; // of an order's quantity

// --- purchasing ---

function numberItems(items, key, step, width) {
  (items ?? []).forEach((item, i) => {
    item[key] ??= String((i + 1) * step).padStart(width, '0');
  });
}

async function createPurchaseOrder(req) {
  const order = req.data;
  const { Suppliers, PurchaseOrders } = cds.entities('factory');
  const supplier = await SELECT.one.from(Suppliers).where({ Supplier: order.Supplier });
  if (!supplier) return req.reject(422, `Supplier ${order.Supplier} does not exist`, 'Supplier');
  if (supplier.IsBlocked) return req.reject(422, `Supplier ${order.Supplier} is blocked`, 'Supplier');
  if (!order.to_PurchaseOrderItem?.length)
    return req.reject(422, 'An order needs an item', 'to_PurchaseOrderItem');
  order.PurchaseOrder ??= await nextNumber(PurchaseOrders, 'PurchaseOrder', 4500000001);
  order.PurchaseOrderDate ??= today();
  numberItems(order.to_PurchaseOrderItem, 'PurchaseOrderItem', 10, 5);
}

async function confirmPurchaseOrder(req) {
  const { PurchaseOrderItems, PurchaseOrderConfirmations } = cds.entities('factory');
  const { PurchaseOrder, PurchaseOrderItem, ConfirmedQuantity, DeliveryDate } = req.data;
  const where = { PurchaseOrder, PurchaseOrderItem };
  const item = await mustExist(req, 'PurchaseOrderItems', where, 'PurchaseOrderItem');
  if (!item) return req.reject(422, 'A confirmation names an order and its item', 'PurchaseOrderItem');
  const confirmed = Number(item.ConfirmedQuantity ?? 0) + Number(ConfirmedQuantity);
  if (!(Number(ConfirmedQuantity) > 0)) return req.reject(422, 'Quantity must be positive', 'ConfirmedQuantity');
  if (confirmed > Number(item.OrderQuantity))
    return req.reject(422, `Only ${item.OrderQuantity} ${item.OrderUnit} were ordered`, 'ConfirmedQuantity');
  req.data.OrderUnit ??= item.OrderUnit;
  req.data.SupplierConfirmation ??= await nextNumber(PurchaseOrderConfirmations, 'SupplierConfirmation', 5600000001);
  await UPDATE(PurchaseOrderItems)
    .set({ ConfirmedQuantity: confirmed, ConfirmedDeliveryDate: DeliveryDate ?? item.DeliveryDate })
    .where(where);
}

async function announceDelivery(req) {
  const { InboundDeliveries } = cds.entities('factory');
  const delivery = req.data;
  if (!(await mustExist(req, 'Suppliers', { Supplier: delivery.Supplier }, 'Supplier')))
    return req.reject(422, 'A delivery names its supplier', 'Supplier');
  if (!delivery.to_InboundDeliveryItem?.length)
    return req.reject(422, 'A delivery needs an item', 'to_InboundDeliveryItem');
  for (const { PurchaseOrder, PurchaseOrderItem } of delivery.to_InboundDeliveryItem)
    await mustExist(req, 'PurchaseOrderItems', { PurchaseOrder, PurchaseOrderItem }, 'PurchaseOrder');
  delivery.InboundDelivery ??= await nextNumber(InboundDeliveries, 'InboundDelivery', 1800000001);
  numberItems(delivery.to_InboundDeliveryItem, 'InboundDeliveryItem', 10, 6);
}

// --- production ---

const isStarted = (req, order) => ({ ActualStartDateTime: order.ActualStartDateTime ?? now() });
const isEnded = () => ({ ActualEndDateTime: now() });

async function checkConfirmation(req, order, operation) {
  const { ConfirmationYieldQuantity: yielded, ConfirmationScrapQuantity: scrap = 0 } = req.data;
  if (order.OrderStatus !== 'REL')
    return req.reject(409, `Order ${order.ManufacturingOrder} is ${order.OrderStatus}, not REL`, 'OrderStatus');
  if (!(Number(yielded) >= 0) || !(Number(scrap) >= 0) || Number(yielded) + Number(scrap) === 0)
    return req.reject(422, 'Quantities must not be negative, nor both be zero', 'ConfirmationYieldQuantity');
  if (Number(operation.ConfirmedYieldQuantity ?? 0) + Number(yielded) > Number(order.TotalQuantity) * TOLERANCE)
    return req.reject(422, `The order is over ${order.TotalQuantity} ${order.ProductionUnit} only`, 'ConfirmationYieldQuantity');
  return undefined;
}

async function confirmOperation(req) {
  const { ProductionOrders, ProductionOperations, ProductionConfirmations } = cds.entities('factory');
  const { ManufacturingOrder, ManufacturingOrderOperation } = req.data;
  const order = await mustExist(req, 'ProductionOrders', { ManufacturingOrder }, 'ManufacturingOrder');
  const place = { ManufacturingOrder, ManufacturingOrderOperation };
  const operation = await mustExist(req, 'ProductionOperations', place, 'ManufacturingOrderOperation');
  if (!order || !operation) return req.reject(422, 'A confirmation names an order and its operation');
  await checkConfirmation(req, order, operation);
  const yielded = Number(operation.ConfirmedYieldQuantity ?? 0) + Number(req.data.ConfirmationYieldQuantity);
  const scrap = Number(operation.ConfirmedScrapQuantity ?? 0) + Number(req.data.ConfirmationScrapQuantity ?? 0);
  const isDone = req.data.IsFinalConfirmation || yielded >= Number(order.TotalQuantity);
  Object.assign(req.data, {
    Plant: order.ProductionPlant,
    WorkCenter: req.data.WorkCenter ?? operation.WorkCenter,
    ConfirmationUnit: req.data.ConfirmationUnit ?? order.ProductionUnit,
    ConfirmationDateTime: req.data.ConfirmationDateTime ?? now(),
  });
  req.data.ConfirmationNumber ??= await nextNumber(ProductionConfirmations, 'ConfirmationNumber', 7000000001);
  await UPDATE(ProductionOperations)
    .set({ ConfirmedYieldQuantity: yielded, ConfirmedScrapQuantity: scrap, OperationStatus: isDone ? 'CNF' : 'PCNF' })
    .where(place);
  const last = await SELECT.one.from(ProductionOperations).where({ ManufacturingOrder }).orderBy({ ManufacturingOrderOperation: 'desc' });
  if (last.ManufacturingOrderOperation !== ManufacturingOrderOperation) return;
  await UPDATE(ProductionOrders)
    .set({ ConfirmedQuantity: yielded, ScrapQuantity: scrap, OrderStatus: isDone ? 'CNF' : 'REL', ...(isDone ? isEnded() : {}) })
    .where({ ManufacturingOrder });
}

// --- stock ---

async function batchIsBlocked(place) {
  const { Batches } = cds.entities('factory');
  const batch = await SELECT.one.from(Batches).where({ Material: place.Material, Plant: place.Plant, Batch: place.Batch });
  return batch !== undefined && batch !== null && batch.BatchStatus !== 'FREE' ? batch.BatchStatus : undefined;
}

async function moveStock(req, place, type, quantity) {
  const { Stocks } = cds.entities('factory');
  const stock = await SELECT.one.from(Stocks).where(place);
  if (!stock) return req.reject(422, 'There is no such stock');
  const blocked = await batchIsBlocked(place);
  if (blocked && ISSUES.includes(type))
    return req.reject(422, `Batch ${place.Batch} is ${blocked}: nothing is taken from it`, 'Batch');
  const left = Number(stock.Quantity) + (RECEIPTS.includes(type) ? 1 : -1) * Number(quantity);
  if (left < 0) return req.reject(422, `Only ${stock.Quantity} ${stock.BaseUnit} on stock`, 'Quantity');
  await UPDATE(Stocks).set({ Quantity: left }).where(place);
  return stock;
}

// What is posted moves the stock, in the same transaction: a document that is refused has moved nothing.
async function checkDocument(req) {
  const { MaterialDocuments } = cds.entities('factory');
  const { GoodsMovementType, Quantity, Material, Plant, StorageLocation, Batch } = req.data;
  if (![...RECEIPTS, ...ISSUES].includes(GoodsMovementType))
    return req.reject(422, `Movement type ${GoodsMovementType} is not known`, 'GoodsMovementType');
  if (!(Number(Quantity) > 0)) return req.reject(422, 'Quantity must be positive', 'Quantity');
  const stock = await moveStock(req, { Material, Plant, StorageLocation, Batch }, GoodsMovementType, Quantity);
  return Object.assign(req.data, {
    MaterialDocument: await nextNumber(MaterialDocuments, 'MaterialDocument', 5000000001),
    PostingDate: today(),
    EntryUnit: stock.BaseUnit,
  });
}

async function postGoodsMovement(req) {
  const document = { ReferenceDocument: null, ExternalReference: null, ...(await checkDocument(req)) };
  await INSERT.into(cds.entities('factory').MaterialDocuments).entries(document);
  return document;
}

async function availableQuantity(req) {
  const rows = await SELECT.from(cds.entities('factory').Stocks).where(req.data);
  return rows.reduce((sum, row) => sum + Number(row.Quantity) - Number(row.ReservedQuantity ?? 0), 0);
}

async function reserve(req) {
  const { Stocks, Reservations } = cds.entities('factory');
  const { Material, Plant, StorageLocation, Batch, Quantity } = req.data;
  const place = { Material, Plant, StorageLocation, Batch };
  const stock = await mustExist(req, 'Stocks', place, 'Material');
  if (!stock) return req.reject(422, 'A reservation names its stock', 'Material');
  if (await batchIsBlocked(place)) return req.reject(422, `Batch ${Batch} is blocked`, 'Batch');
  const reserved = Number(stock.ReservedQuantity ?? 0) + Number(Quantity);
  if (!(Number(Quantity) > 0) || reserved > Number(stock.Quantity))
    return req.reject(422, `Only ${stock.Quantity - (stock.ReservedQuantity ?? 0)} ${stock.BaseUnit} are free`, 'Quantity');
  req.data.BaseUnit ??= stock.BaseUnit;
  req.data.Reservation ??= await nextNumber(Reservations, 'Reservation', 3000000001);
  await UPDATE(Stocks).set({ ReservedQuantity: reserved }).where(place);
}

async function postCost(req) {
  if (Number(req.data.AmountInCurrency) === 0) return req.reject(422, 'There is no amount', 'AmountInCurrency');
  if (!['CostCenter', 'OrderID', 'MaintenanceOrder'].some((receiver) => req.data[receiver]))
    return req.reject(422, 'There is nobody to bear it', 'CostCenter');
  req.data.PostingDate ??= today();
  return numbered('CostPostings', 'AccountingDocument', 1900000001)(req);
}

// The state of an order is the actions', but for who sets the system up.
function guardOrder(req) {
  if (!isAdmin(req)) guard('OrderStatus')(req);
}

module.exports = cds.service.impl(function () {
  this.before('CREATE', 'A_PurchaseOrder', createPurchaseOrder);
  this.before('CREATE', 'A_PurchaseOrderConfirmation', confirmPurchaseOrder);
  this.before('CREATE', 'A_InboundDelivery', announceDelivery);
  this.before('CREATE', 'A_ProductionOrder', numbered('ProductionOrders', 'ManufacturingOrder', 1000001));
  this.before('UPDATE', 'A_ProductionOrder', guardOrder);
  this.before('CREATE', 'A_ProductionConfirmation', confirmOperation);
  this.before('CREATE', 'A_Reservation', reserve);
  this.before('CREATE', 'A_CostPosting', postCost);
  this.on('Release', 'A_ProductionOrder', transition('ProductionOrders', 'ManufacturingOrder', 'OrderStatus', ['CRTD'], 'REL', isStarted));
  this.on('TechnicallyComplete', 'A_ProductionOrder', transition('ProductionOrders', 'ManufacturingOrder', 'OrderStatus', ['REL', 'CNF'], 'TECO', isEnded));
  this.on('Receive', 'A_InboundDelivery', transition('InboundDeliveries', 'InboundDelivery', 'DeliveryStatus', ['ANNC'], 'RECD'));
  this.on('Cancel', 'A_InboundDelivery', transition('InboundDeliveries', 'InboundDelivery', 'DeliveryStatus', ['ANNC'], 'CANC'));
  this.on(['Block', 'Unblock'], 'A_Batch', setBatch);
  this.on('PostGoodsMovement', postGoodsMovement);
  this.before('CREATE', 'A_MaterialDocument', checkDocument);
  this.on('AvailableQuantity', availableQuantity);
});

async function setBatch(req) {
  const { Batches } = cds.entities('factory');
  const { Material, Plant, Batch } = req.params.at(-1);
  const where = { Material, Plant, Batch };
  const [from, to] = req.event === 'Block' ? ['FREE', 'BLKD'] : ['BLKD', 'FREE'];
  const batch = await SELECT.one.from(Batches).where(where);
  if (!batch) return req.reject(404);
  if (batch.BatchStatus !== from) return req.reject(409, `Batch ${Batch} is ${batch.BatchStatus}, not ${from}`, 'BatchStatus');
  await UPDATE(Batches).set({ BatchStatus: to }).where(where);
  return SELECT.one.from(Batches).where(where);
}
