'use strict';

// The rules of maintenance, quality, logistics and field service.

const cds = require('@sap/cds');
const { numbered, transition, guard, mustExist, now } = require('./numbers');

// What a document refers to must be there; a new one begins in its first state.
function begins(status, first, references) {
  return async (req) => {
    if (req.data[status] !== undefined && req.data[status] !== first)
      return req.reject(422, `A new one is ${first}`, status);
    for (const [entity, key] of references) await mustExist(req, entity, { [key]: req.data[key] }, key);
    return undefined;
  };
}

function offer(service, entity, table, key, first, status, states, references = []) {
  service.before('CREATE', entity, numbered(table, key, first));
  service.before('CREATE', entity, begins(status, states[0], references));
  service.before('UPDATE', entity, guard(status));
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
    this.on('Release', 'A_MaintenanceOrder', move(['CRTD'], 'REL'));
    this.on('Start', 'A_MaintenanceOrder', move(['REL'], 'INPR', () => ({ ActualStartDateTime: now() })));
    this.on('Complete', 'A_MaintenanceOrder', move(['INPR'], 'CNF', () => ({ ActualEndDateTime: now() })));
    this.on('Cancel', 'A_MaintenanceOrder', move(['CRTD', 'REL'], 'CANC'));
    this.on('Close', 'A_MaintenanceNotification',
      transition('MaintenanceNotifications', 'MaintenanceNotification', 'NotificationStatus', ['OPEN', 'ORDR'], 'CLSD'));
    return super.init();
  }
}

// A decision on a lot frees its batch, or blocks it.
async function decide(req, lot) {
  const { UsageDecision } = req.data;
  if (!['A', 'R'].includes(UsageDecision))
    return { refuse: `Decision ${UsageDecision} is not known`, target: 'UsageDecision' };
  const { Material, Plant, Batch } = lot;
  if (Batch)
    await UPDATE(cds.entities('factory').Batches)
      .set({ BatchStatus: UsageDecision === 'A' ? 'FREE' : 'BLKD' })
      .where({ Material, Plant, Batch });
  return { UsageDecision, UsageDecisionDateTime: now() };
}

function closeNonconformance(req, row) {
  const RootCause = req.data.RootCause ?? row.RootCause;
  if (!RootCause) return { refuse: 'It is not closed without a root cause', target: 'RootCause' };
  return { RootCause, ClosingDateTime: now() };
}

class QualityService extends cds.ApplicationService {
  init() {
    const move = (from, to, more) => transition('Nonconformances', 'Nonconformance', 'NonconformanceStatus', from, to, more);
    offer(this, 'A_InspectionLot', 'InspectionLots', 'InspectionLot', 30000001, 'InspectionStatus', ['CRTD'], [['Materials', 'Material']]);
    offer(this, 'A_Nonconformance', 'Nonconformances', 'Nonconformance', 20000001, 'NonconformanceStatus', ['OPEN'], [
      ['Materials', 'Material'],
      ['InspectionLots', 'InspectionLot'],
    ]);
    this.on('Decide', 'A_InspectionLot', transition('InspectionLots', 'InspectionLot', 'InspectionStatus', ['CRTD'], 'UD', decide));
    this.on('Start', 'A_Nonconformance', move(['OPEN'], 'INPR'));
    this.on('Close', 'A_Nonconformance', move(['OPEN', 'INPR'], 'CLSD', closeNonconformance));
    return super.init();
  }
}

class LogisticsService extends cds.ApplicationService {
  init() {
    const move = (from, to, more) => transition('Shipments', 'Shipment', 'ShipmentStatus', from, to, more);
    offer(this, 'A_Shipment', 'Shipments', 'Shipment', 8000001, 'ShipmentStatus', ['PLND']);
    this.before('CREATE', 'A_Shipment', (req) => {
      (req.data.to_ShipmentItem ?? []).forEach((item, i) => {
        item.ShipmentItem ??= String((i + 1) * 10).padStart(6, '0');
      });
    });
    this.on('Dispatch', 'A_Shipment', move(['PLND'], 'DISP', (req, row) => ({
      ActualDepartureDateTime: now(),
      TrackingNumber: req.data.TrackingNumber ?? row.TrackingNumber,
    })));
    this.on('Deliver', 'A_Shipment', move(['DISP'], 'DLVD', () => ({ ActualArrivalDateTime: now() })));
    this.on('Cancel', 'A_Shipment', move(['PLND'], 'CANC'));
    return super.init();
  }
}

class FieldService extends cds.ApplicationService {
  init() {
    const move = (from, to, more) => transition('ServiceOrders', 'ServiceOrder', 'ServiceOrderStatus', from, to, more);
    offer(this, 'A_ServiceOrder', 'ServiceOrders', 'ServiceOrder', 6000001, 'ServiceOrderStatus', ['OPEN']);
    this.on('Dispatch', 'A_ServiceOrder', move(['OPEN'], 'DISP', ({ data }) => ({
      Technician: data.Technician,
      ScheduledDateTime: data.ScheduledDateTime ?? now(),
    })));
    this.on('Complete', 'A_ServiceOrder', move(['DISP'], 'DONE', () => ({ CompletedDateTime: now() })));
    this.on('Cancel', 'A_ServiceOrder', move(['OPEN', 'DISP'], 'CANC'));
    return super.init();
  }
}

module.exports = { MaintenanceService, QualityService, LogisticsService, FieldService };
