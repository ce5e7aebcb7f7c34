using factory from '../db/services';

@path : '/odata/v4/maintenance'
@requires : ['erp-user', 'erp-admin']
service MaintenanceService {
  entity A_Equipment as projection on factory.Equipment;
  entity A_MaintenanceOrder as projection on factory.MaintenanceOrders {
    *,
    to_MaintenanceOrderOperation : redirected to A_MaintenanceOrderOperation,
    to_Equipment : redirected to A_Equipment
  } actions {
    action Release() returns A_MaintenanceOrder;
    action Start() returns A_MaintenanceOrder;
    action Complete(
      MaintenanceCause : String(200), LongText : String(4000), MalfunctionEndDateTime : Timestamp,
      ActualWorkQuantity : Decimal(9, 2), ActualWorkQuantityUnit : String(3)
    ) returns A_MaintenanceOrder;
    action Cancel() returns A_MaintenanceOrder;
  };
  entity A_MaintenanceOrderOperation as projection on factory.MaintenanceOperations;
  entity A_MaintenanceNotification as projection on factory.MaintenanceNotifications {
    *,
    to_Equipment : redirected to A_Equipment
  } actions {
    action Close() returns A_MaintenanceNotification;
  };
}

@path : '/odata/v4/quality'
@requires : ['erp-user', 'erp-admin']
service QualityService {
  entity A_InspectionLot as projection on factory.InspectionLots {
    *,
    to_InspectionCharacteristic : redirected to A_InspectionCharacteristic
  } actions {
    action RecordResults(Results : many MeasuredCharacteristic) returns A_InspectionLot;
    action Decide(UsageDecision : String(4) not null, UsageDecisionText : String(4000)) returns A_InspectionLot;
  };
  entity A_InspectionCharacteristic as projection on factory.InspectionCharacteristics;
  type MeasuredCharacteristic {
    InspectionCharacteristic : String(4);
    Valuation                : String(1);
    Results                  : many Decimal(13, 3);
  }
  entity A_Nonconformance as projection on factory.Nonconformances actions {
    action Start() returns A_Nonconformance;
    action Close(RootCause : String(200), CorrectiveAction : String(4000), Disposition : String(4)) returns A_Nonconformance;
    action Cancel() returns A_Nonconformance;
  };
}

@path : '/odata/v4/logistics'
@requires : ['erp-user', 'erp-admin']
service LogisticsService {
  entity A_Shipment as projection on factory.Shipments {
    *,
    to_ShipmentItem : redirected to A_ShipmentItem,
    to_ShipmentEvent : redirected to A_ShipmentEvent
  } actions {
    action Dispatch(
      TrackingNumber : String(70), Carrier : String(80), ExpectedArrivalDateTime : Timestamp, NumberOfPackages : Integer,
      GrossWeight : Decimal(13, 3), WeightUnit : String(3)
    ) returns A_Shipment;
    action Deliver(SignedBy : String(80)) returns A_Shipment;
    action Cancel() returns A_Shipment;
  };
  entity A_ShipmentItem as projection on factory.ShipmentItems;
  entity A_ShipmentEvent as projection on factory.ShipmentEvents;
}

@path : '/odata/v4/field-service'
@requires : ['erp-user', 'erp-admin']
service FieldService {
  entity A_ServiceOrder as projection on factory.ServiceOrders {
    *,
    to_ServicePart : redirected to A_ServicePart
  } actions {
    action Dispatch(
      Technician : String(80) not null, ScheduledDateTime : Timestamp, ScheduledEndDateTime : Timestamp
    ) returns A_ServiceOrder;
    action Start() returns A_ServiceOrder;
    action Complete(
      ReportText : String(4000), ReportDuration : Decimal(9, 2), ReportDurationUnit : String(3), Parts : many UsedPart
    ) returns A_ServiceOrder;
    action Cancel() returns A_ServiceOrder;
  };
  entity A_ServicePart as projection on factory.ServiceParts;
  type UsedPart {
    Material     : String(18);
    Quantity     : Decimal(13, 3);
    QuantityUnit : String(3);
  }
}

annotate MaintenanceService.A_Equipment with @restrict : [{grant : 'READ'}, {grant : '*', to : 'erp-admin'}];
annotate MaintenanceService.A_MaintenanceOrder with { LastChangeDateTime @odata.etag; Equipment @mandatory };
annotate MaintenanceService.A_MaintenanceNotification with { LastChangeDateTime @odata.etag; Equipment @mandatory };
annotate QualityService.A_InspectionLot with { LastChangeDateTime @odata.etag; Material @mandatory };
annotate QualityService.A_Nonconformance with { LastChangeDateTime @odata.etag; NonconformanceText @mandatory };
annotate LogisticsService.A_Shipment with { LastChangeDateTime @odata.etag; Plant @mandatory };
annotate FieldService.A_ServiceOrder with { LastChangeDateTime @odata.etag; Customer @mandatory };
