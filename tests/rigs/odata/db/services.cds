// What the other services of the same server keep: maintenance, quality, logistics, field service.
namespace factory;

using { factory.changed, factory.referenced } from './schema';

// What somebody has written down: when, and under which number of its own.
aspect noted {
  CreationDateTime : Timestamp @cds.on.insert : $now;
  ReferenceNumber  : String(70);
  LongText         : String(4000);
}

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

entity MaintenanceOrders : changed, referenced, noted {
  key MaintenanceOrder     : String(12);
      Equipment            : String(18);
      MaintenancePlant     : String(4);
      MaintenanceOrderType : String(4) default 'PM01';
      MaintenanceOrderDesc : String(60);
      MaintPriority        : String(1) default '3';
      MainWorkCenter       : String(8);
      MaintenanceCause     : String(200);
      ActualWorkQuantity   : Decimal(9, 2);
      ActualWorkQuantityUnit : String(3);
      OrderStatus          : String(4) default 'CRTD'; // CRTD, REL, INPR, CNF, CANC
      MaintenanceNotification : String(12);
      PlannedStartDateTime : Timestamp;
      PlannedEndDateTime   : Timestamp;
      ActualStartDateTime  : Timestamp;
      ActualEndDateTime    : Timestamp;
      to_MaintenanceOrderOperation : Composition of many MaintenanceOperations
                               on to_MaintenanceOrderOperation.MaintenanceOrder = $self.MaintenanceOrder;
      to_Equipment         : Association to Equipment on to_Equipment.Equipment = $self.Equipment;
}

entity MaintenanceOperations {
  key MaintenanceOrder          : String(12);
  key MaintenanceOrderOperation : String(4);
      OperationDescription      : String(200);
      WorkCenter                : String(8);
      OperationPlannedWork      : Decimal(9, 2);
      OperationWorkUnit         : String(3);
}

entity MaintenanceNotifications : changed, referenced, noted {
  key MaintenanceNotification : String(12);
      NotificationType        : String(2) default 'M1';
      NotificationText        : String(80);
      Equipment               : String(18);
      MaintenancePlant        : String(4);
      MaintPriority           : String(1) default '3';
      NotificationStatus      : String(4) default 'OPEN'; // OPEN, ORDR, CLSD
      MalfunctionStartDateTime : Timestamp;
      MalfunctionEndDateTime  : Timestamp;
      IsBreakdown             : Boolean default false;
      ReportedByUser          : String(40);
      ReportedDateTime        : Timestamp;
      MaintenanceOrder        : String(12);
      to_Equipment            : Association to Equipment on to_Equipment.Equipment = $self.Equipment;
}

entity InspectionLots : changed, referenced {
  key InspectionLot       : String(12);
      Material            : String(18);
      Plant               : String(4);
      Batch               : String(10);
      InspectionLotOrigin : String(2) default '01';
      InspectionLotQuantity : Decimal(13, 3);
      InspectionLotUnit   : String(3);
      InspectionStatus    : String(4) default 'CRTD'; // CRTD, RREC, UD
      UsageDecision       : String(4); // A accepted, C with deviation, R rejected
      UsageDecisionDateTime : Timestamp;
      UsageDecisionText   : String(4000);
      ManufacturingOrder  : String(12);
      to_InspectionCharacteristic : Composition of many InspectionCharacteristics
                              on to_InspectionCharacteristic.InspectionLot = $self.InspectionLot;
}

entity InspectionCharacteristics {
  key InspectionLot            : String(12);
  key InspectionCharacteristic : String(4);
      CharacteristicText       : String(40);
      CharacteristicUnit       : String(3);
      TargetValue              : Decimal(13, 3);
      LowerLimit               : Decimal(13, 3);
      UpperLimit               : Decimal(13, 3);
      Valuation                : String(1); // A, R
      Results                  : many Decimal(13, 3);
}

entity Nonconformances : changed, referenced, noted {
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
      Supplier             : String(10);
      PurchaseOrder        : String(10);
      Equipment            : String(18);
      ReportedByUser       : String(40);
      NonconformanceStatus : String(4) default 'OPEN'; // OPEN, INPR, CLSD, CANC
      Disposition          : String(4); // UAIS, RWRK, REPR, REGR, RTSU, SCRP
      RootCause            : String(200);
      CorrectiveAction     : String(4000);
      ClosingDateTime      : Timestamp;
}

entity Shipments : changed, referenced, noted {
  key Shipment             : String(10);
      ShippingPoint        : String(4);
      Plant                : String(4);
      Carrier              : String(80);
      Customer             : String(80);
      ShipToName           : String(80);
      ShipToCountry        : String(2);
      ShipToCity           : String(40);
      ShipToPostalCode     : String(20);
      ShipToStreet         : String(80);
      ShipmentStatus       : String(4) default 'PLND'; // PLND, DISP, DLVD, CANC
      PlannedDepartureDateTime : Timestamp;
      ActualDepartureDateTime : Timestamp;
      ActualArrivalDateTime : Timestamp;
      ExpectedArrivalDateTime : Timestamp;
      TrackingNumber       : String(70);
      NumberOfPackages     : Integer;
      GrossWeight          : Decimal(13, 3);
      WeightUnit           : String(3);
      SignedBy             : String(80);
      to_ShipmentItem      : Composition of many ShipmentItems on to_ShipmentItem.Shipment = $self.Shipment;
      to_ShipmentEvent     : Association to many ShipmentEvents on to_ShipmentEvent.Shipment = $self.Shipment;
}

entity ShipmentEvents : referenced {
  key ShipmentEvent : String(12);
      Shipment      : String(10);
      EventCode     : String(4); // PASS, DLAY, DMGD
      EventDateTime : Timestamp;
      Place         : String(200);
      EventText     : String(4000);
}

entity ShipmentItems {
  key Shipment     : String(10);
  key ShipmentItem : String(6);
      Material     : String(18);
      Batch        : String(10);
      Quantity     : Decimal(13, 3);
      QuantityUnit : String(3);
}

entity ServiceOrders : changed, referenced, noted {
  key ServiceOrder        : String(10);
      ServiceOrderDescription : String(80);
      Plant               : String(4);
      ServiceOrderType    : String(4) default 'SM02'; // SM01 installation, SM02 repair, SM03 inspection
      Customer            : String(80);
      SiteName            : String(80);
      SiteStreet          : String(80);
      SitePostalCode      : String(20);
      SiteCity            : String(40);
      SiteCountry         : String(2);
      Material            : String(18);
      Equipment           : String(70);
      ServicePriority     : String(1) default '3';
      ServiceOrderStatus  : String(4) default 'OPEN'; // OPEN, DISP, INPR, DONE, CANC
      Technician          : String(80);
      RequestedDateTime   : Timestamp;
      ScheduledDateTime   : Timestamp;
      ScheduledEndDateTime : Timestamp;
      ActualStartDateTime : Timestamp;
      CompletedDateTime   : Timestamp;
      ReportText          : String(4000);
      ReportDuration      : Decimal(9, 2);
      ReportDurationUnit  : String(3);
      to_ServicePart      : Composition of many ServiceParts on to_ServicePart.ServiceOrder = $self.ServiceOrder;
}

entity ServiceParts {
  key ServiceOrder : String(10);
  key ServicePart  : String(4);
      Material     : String(18);
      Quantity     : Decimal(13, 3);
      QuantityUnit : String(3);
}
