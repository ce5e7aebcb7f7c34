// What the other services of the same server keep: maintenance, quality, logistics, field service.
namespace factory;

using { factory.changed, factory.referenced } from './schema';

entity Equipment : changed {
  key Equipment               : String(18);
      EquipmentName           : String(60);
      EquipmentCategory       : String(1) default 'M';
      MaintenancePlant        : String(4);
      WorkCenter              : String(8);
      FunctionalLocation      : String(30);
      AssetManufacturerName   : String(40);
      ManufacturerSerialNumber : String(30);
      FixedAsset              : String(12);
      AcquisitionDate         : Date;
      EquipmentStatus         : String(4) default 'AVLB'; // AVLB, DOWN, SCRP
}

entity MaintenanceOrders : changed, referenced {
  key MaintenanceOrder     : String(12);
      Equipment            : String(18);
      MaintenancePlant     : String(4);
      MaintenanceOrderType : String(4) default 'PM01';
      MaintenanceOrderDesc : String(60);
      MaintPriority        : String(1) default '3';
      OrderStatus          : String(4) default 'CRTD'; // CRTD, REL, INPR, CNF, CANC
      MaintenanceNotification : String(12);
      PlannedStartDateTime : Timestamp;
      PlannedEndDateTime   : Timestamp;
      ActualStartDateTime  : Timestamp;
      ActualEndDateTime    : Timestamp;
}

entity MaintenanceNotifications : changed, referenced {
  key MaintenanceNotification : String(12);
      NotificationType        : String(2) default 'M1';
      NotificationText        : String(80);
      Equipment               : String(18);
      MaintenancePlant        : String(4);
      MaintPriority           : String(1) default '3';
      NotificationStatus      : String(4) default 'OPEN'; // OPEN, ORDR, CLSD
      MalfunctionStartDateTime : Timestamp;
      ReportedByUser          : String(40);
}

entity InspectionLots : changed, referenced {
  key InspectionLot       : String(12);
      Material            : String(18);
      Plant               : String(4);
      Batch               : String(10);
      InspectionLotOrigin : String(2) default '01';
      InspectionLotQuantity : Decimal(13, 3);
      InspectionLotUnit   : String(3);
      InspectionStatus    : String(4) default 'CRTD'; // CRTD, UD
      UsageDecision       : String(4); // A accepted, R rejected
      UsageDecisionDateTime : Timestamp;
      ManufacturingOrder  : String(12);
}

entity Nonconformances : changed, referenced {
  key Nonconformance       : String(12);
      NonconformanceText   : String(120);
      DefectCode           : String(8);
      DefectClass          : String(2) default '02'; // 01 critical, 02 major, 03 minor
      Material             : String(18);
      Plant                : String(4);
      Batch                : String(10);
      InspectionLot        : String(12);
      ManufacturingOrder   : String(12);
      DefectiveQuantity    : Decimal(13, 3);
      DefectiveQuantityUnit : String(3);
      NonconformanceStatus : String(4) default 'OPEN'; // OPEN, INPR, CLSD
      RootCause            : String(120);
      ClosingDateTime      : Timestamp;
}

entity Shipments : changed, referenced {
  key Shipment             : String(10);
      ShippingPoint        : String(4);
      Plant                : String(4);
      Carrier              : String(10);
      ShipToName           : String(80);
      ShipToCountry        : String(2);
      ShipToCity           : String(40);
      ShipmentStatus       : String(4) default 'PLND'; // PLND, DISP, DLVD, CANC
      PlannedDepartureDateTime : Timestamp;
      ActualDepartureDateTime : Timestamp;
      ActualArrivalDateTime : Timestamp;
      TrackingNumber       : String(35);
      to_ShipmentItem      : Composition of many ShipmentItems on to_ShipmentItem.Shipment = $self.Shipment;
}

entity ShipmentItems {
  key Shipment     : String(10);
  key ShipmentItem : String(6);
      Material     : String(18);
      Batch        : String(10);
      Quantity     : Decimal(13, 3);
      QuantityUnit : String(3);
}

entity ServiceOrders : changed, referenced {
  key ServiceOrder        : String(10);
      ServiceOrderDescription : String(80);
      Plant               : String(4);
      Customer            : String(80);
      Equipment           : String(18);
      ServicePriority     : String(1) default '3';
      ServiceOrderStatus  : String(4) default 'OPEN'; // OPEN, DISP, DONE, CANC
      Technician          : String(40);
      RequestedDateTime   : Timestamp;
      ScheduledDateTime   : Timestamp;
      CompletedDateTime   : Timestamp;
}
