'use strict';

// The rules of maintenance, quality, logistics and field service.

const cds = require('@sap/cds');
const { numbered, transition, guard, mustExist, now } = require('./numbers');

// The materials and lots of other plants are kept elsewhere: what is said of them is taken as it is.
const PLANT = '1020';
const isElsewhere = ({ Plant }) => Plant !== undefined && Plant !== PLANT;

// What a document refers to must be there; a new one begins in its first state.
function begins(status, first, references) {
  return async (req) => {
    if (req.data[status] !== undefined && req.data[status] !== first)
      return req.reject(422, `A new one is ${first}`, status);
    for (const [entity, key] of isElsewhere(req.data) ? [] : references) await mustExist(req, entity, { [key]: req.data[key] }, key);
    return undefined;
  };
}

function offer(service, entity, table, key, first, status, states, references = []) {
  service.before('CREATE', entity, numbered(table, key, first));
  service.before('CREATE', entity, begins(status, states[0], references));
  service.before('UPDATE', entity, guard(status));
}

// Items without a number get one: 10, 20, ...
function number(items, key, width) {
  (items ?? []).forEach((item, i) => {
    item[key] ??= String((i + 1) * 10).padStart(width, '0');
  });
}

// A notification that has got its order says so.
async function takeUp({ MaintenanceNotification, MaintenanceOrder }) {
  if (MaintenanceNotification)
    await UPDATE(cds.entities('factory').MaintenanceNotifications)
      .set({ NotificationStatus: 'ORDR', MaintenanceOrder })
      .where({ MaintenanceNotification, NotificationStatus: 'OPEN' });
}

// Of what an action is told, that which is said.
const said = (data, ...names) => Object.fromEntries(names.filter((name) => data[name] != null).map((name) => [name, data[name]]));

async function finishMaintenance({ data }, { MaintenanceNotification }) {
  const { MalfunctionEndDateTime } = data;
  if (MaintenanceNotification && MalfunctionEndDateTime)
    await UPDATE(cds.entities('factory').MaintenanceNotifications).set({ MalfunctionEndDateTime }).where({ MaintenanceNotification });
  return { ActualEndDateTime: now(), ...said(data, 'MaintenanceCause', 'LongText', 'ActualWorkQuantity', 'ActualWorkQuantityUnit') };
}

class MaintenanceService extends cds.ApplicationService {
  init() {
    const move = (from, to, more) => transition('MaintenanceOrders', 'MaintenanceOrder', 'OrderStatus', from, to, more);
    offer(this, 'A_MaintenanceOrder', 'MaintenanceOrders', 'MaintenanceOrder', 4000001, 'OrderStatus', ['CRTD'], [
      ['Equipment', 'Equipment'],
      ['MaintenanceNotifications', 'MaintenanceNotification'],
    ]);
    offer(this, 'A_MaintenanceNotification', 'MaintenanceNotifications', 'MaintenanceNotification', 10000001, 'NotificationStatus', ['OPEN'], [
      ['Equipment', 'Equipment'],
    ]);
    this.after('CREATE', 'A_MaintenanceOrder', takeUp);
    this.before('CREATE', 'A_MaintenanceOrder', (req) => number(req.data.to_MaintenanceOrderOperation, 'MaintenanceOrderOperation', 4));
    this.on('Release', 'A_MaintenanceOrder', move(['CRTD'], 'REL'));
    this.on('Start', 'A_MaintenanceOrder', move(['REL'], 'INPR', () => ({ ActualStartDateTime: now() })));
    this.on('Complete', 'A_MaintenanceOrder', move(['INPR'], 'CNF', finishMaintenance));
    this.before('CREATE', 'A_MaintenanceNotification', ({ data }) => {
      data.ReportedDateTime ??= now();
    });
    this.on('Cancel', 'A_MaintenanceOrder', move(['CRTD', 'REL'], 'CANC'));
    this.on('Close', 'A_MaintenanceNotification',
      transition('MaintenanceNotifications', 'MaintenanceNotification', 'NotificationStatus', ['OPEN', 'ORDR'], 'CLSD'));
    return super.init();
  }
}

// A decision on a lot frees its batch, or blocks it.
async function decide(req, lot) {
  const { UsageDecision } = req.data;
  if (!['A', 'C', 'R'].includes(UsageDecision))
    return { refuse: `Decision ${UsageDecision} is not known`, target: 'UsageDecision' };
  const { Material, Plant, Batch } = lot;
  if (Batch)
    await UPDATE(cds.entities('factory').Batches)
      .set({ BatchStatus: UsageDecision === 'R' ? 'BLKD' : 'FREE' })
      .where({ Material, Plant, Batch });
  return { UsageDecision, UsageDecisionDateTime: now(), UsageDecisionText: req.data.UsageDecisionText ?? null };
}

// Results are added to those that are there; the lot is measured when all of it is valuated.
async function recordResults(req) {
  const { InspectionLots, InspectionCharacteristics } = cds.entities('factory');
  const { InspectionLot } = req.params.at(-1);
  const lot = await SELECT.one.from(InspectionLots).where({ InspectionLot });
  if (!lot) return req.reject(404);
  if (lot.InspectionStatus === 'UD') return req.reject(409, `Inspection lot ${InspectionLot} is decided`, 'InspectionStatus');
  for (const { InspectionCharacteristic, Valuation, Results } of req.data.Results ?? []) {
    const where = { InspectionLot, InspectionCharacteristic };
    const row = await mustExist(req, 'InspectionCharacteristics', where, 'InspectionCharacteristic');
    await UPDATE(InspectionCharacteristics)
      .set({ Results: [...(row.Results ?? []), ...(Results ?? [])], Valuation: Valuation ?? row.Valuation })
      .where(where);
  }
  const rows = await SELECT.from(InspectionCharacteristics).where({ InspectionLot });
  const InspectionStatus = rows.every(({ Valuation }) => Valuation) ? 'RREC' : 'CRTD';
  await UPDATE(InspectionLots).set({ InspectionStatus }).where({ InspectionLot });
  return SELECT.one.from(InspectionLots).where({ InspectionLot });
}

function closeNonconformance({ data }, row) {
  const RootCause = data.RootCause ?? row.RootCause;
  const Disposition = data.Disposition ?? row.Disposition;
  if (!Disposition) return { refuse: 'It is not closed without a disposition', target: 'Disposition' };
  return { RootCause, Disposition, CorrectiveAction: data.CorrectiveAction ?? row.CorrectiveAction, ClosingDateTime: now() };
}

class QualityService extends cds.ApplicationService {
  init() {
    const move = (from, to, more) => transition('Nonconformances', 'Nonconformance', 'NonconformanceStatus', from, to, more);
    offer(this, 'A_InspectionLot', 'InspectionLots', 'InspectionLot', 30000001, 'InspectionStatus', ['CRTD'], [['Materials', 'Material']]);
    offer(this, 'A_Nonconformance', 'Nonconformances', 'Nonconformance', 20000001, 'NonconformanceStatus', ['OPEN'], [
      ['Materials', 'Material'],
      ['InspectionLots', 'InspectionLot'],
    ]);
    this.on('Decide', 'A_InspectionLot', transition('InspectionLots', 'InspectionLot', 'InspectionStatus', ['CRTD', 'RREC'], 'UD', decide));
    this.on('RecordResults', 'A_InspectionLot', recordResults);
    this.before('CREATE', 'A_InspectionLot', (req) => number(req.data.to_InspectionCharacteristic, 'InspectionCharacteristic', 4));
    this.on('Start', 'A_Nonconformance', move(['OPEN'], 'INPR'));
    this.on('Close', 'A_Nonconformance', move(['OPEN', 'INPR'], 'CLSD', closeNonconformance));
    this.on('Cancel', 'A_Nonconformance', move(['OPEN', 'INPR'], 'CANC'));
    return super.init();
  }
}

// What is on its way has events, and nothing else has.
async function reportEvent(req) {
  const shipment = await mustExist(req, 'Shipments', { Shipment: req.data.Shipment }, 'Shipment');
  if (shipment?.ShipmentStatus !== 'DISP') return req.reject(409, `Shipment ${req.data.Shipment} is not on its way`, 'Shipment');
  req.data.EventDateTime ??= now();
  return numbered('ShipmentEvents', 'ShipmentEvent', 8300001)(req);
}

class LogisticsService extends cds.ApplicationService {
  init() {
    const move = (from, to, more) => transition('Shipments', 'Shipment', 'ShipmentStatus', from, to, more);
    offer(this, 'A_Shipment', 'Shipments', 'Shipment', 8000001, 'ShipmentStatus', ['PLND']);
    this.before('CREATE', 'A_Shipment', (req) => number(req.data.to_ShipmentItem, 'ShipmentItem', 6));
    this.before('CREATE', 'A_ShipmentEvent', reportEvent);
    this.after('CREATE', 'A_ShipmentEvent', ({ Shipment }) =>
      UPDATE(cds.entities('factory').Shipments).set({ LastChangeDateTime: now() }).where({ Shipment }));
    this.on('Dispatch', 'A_Shipment', move(['PLND'], 'DISP', ({ data }) => ({
      ActualDepartureDateTime: now(),
      ...said(data, 'TrackingNumber', 'Carrier', 'ExpectedArrivalDateTime', 'NumberOfPackages', 'GrossWeight', 'WeightUnit'),
    })));
    this.on('Deliver', 'A_Shipment', move(['DISP'], 'DLVD', ({ data }) => ({ ActualArrivalDateTime: now(), ...said(data, 'SignedBy') })));
    this.on('Cancel', 'A_Shipment', move(['PLND'], 'CANC'));
    return super.init();
  }
}

async function finishService({ data, params }) {
  const { ServiceOrder } = params.at(-1);
  const parts = (data.Parts ?? []).map((part) => ({ ServiceOrder, ...part }));
  number(parts, 'ServicePart', 4);
  if (parts.length > 0) await INSERT.into(cds.entities('factory').ServiceParts).entries(parts);
  return { CompletedDateTime: now(), ...said(data, 'ReportText', 'ReportDuration', 'ReportDurationUnit') };
}

class FieldService extends cds.ApplicationService {
  init() {
    const move = (from, to, more) => transition('ServiceOrders', 'ServiceOrder', 'ServiceOrderStatus', from, to, more);
    offer(this, 'A_ServiceOrder', 'ServiceOrders', 'ServiceOrder', 6000001, 'ServiceOrderStatus', ['OPEN']);
    this.on('Dispatch', 'A_ServiceOrder', move(['OPEN', 'DISP'], 'DISP', ({ data }) => ({
      Technician: data.Technician,
      ScheduledDateTime: data.ScheduledDateTime ?? now(),
      ScheduledEndDateTime: data.ScheduledEndDateTime ?? null,
    })));
    this.on('Start', 'A_ServiceOrder', move(['DISP'], 'INPR', () => ({ ActualStartDateTime: now() })));
    this.on('Complete', 'A_ServiceOrder', move(['DISP', 'INPR'], 'DONE', finishService));
    this.on('Cancel', 'A_ServiceOrder', move(['OPEN', 'DISP'], 'CANC'));
    return super.init();
  }
}

module.exports = { MaintenanceService, QualityService, LogisticsService, FieldService };
