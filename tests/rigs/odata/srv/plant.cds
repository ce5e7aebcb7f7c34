using factory from '../db/services';

@path : '/odata/v4/maintenance'
@requires : ['erp-user', 'erp-admin']
service MaintenanceService {
  entity A_Equipment as projection on factory.Equipment;
  entity A_MaintenanceOrder as projection on factory.MaintenanceOrders actions {
    action Release() returns A_MaintenanceOrder;
    action Start() returns A_MaintenanceOrder;
    action Complete() returns A_MaintenanceOrder;
    action Cancel() returns A_MaintenanceOrder;
  };
  entity A_MaintenanceNotification as projection on factory.MaintenanceNotifications actions {
    action Close() returns A_MaintenanceNotification;
  };
}

@path : '/odata/v4/quality'
@requires : ['erp-user', 'erp-admin']
service QualityService {
  entity A_InspectionLot as projection on factory.InspectionLots actions {
    action Decide(UsageDecision : String(4) not null) returns A_InspectionLot;
  };
  entity A_Nonconformance as projection on factory.Nonconformances actions {
    action Start() returns A_Nonconformance;
    action Close(RootCause : String(120)) returns A_Nonconformance;
  };
}

@path : '/odata/v4/logistics'
@requires : ['erp-user', 'erp-admin']
service LogisticsService {
  entity A_Shipment as projection on factory.Shipments {
    *,
    to_ShipmentItem : redirected to A_ShipmentItem
  } actions {
    action Dispatch(TrackingNumber : String(35)) returns A_Shipment;
    action Deliver() returns A_Shipment;
    action Cancel() returns A_Shipment;
  };
  entity A_ShipmentItem as projection on factory.ShipmentItems;
}

@path : '/odata/v4/field-service'
@requires : ['erp-user', 'erp-admin']
service FieldService {
  entity A_ServiceOrder as projection on factory.ServiceOrders actions {
    action Dispatch(Technician : String(40) not null, ScheduledDateTime : Timestamp) returns A_ServiceOrder;
    action Complete() returns A_ServiceOrder;
    action Cancel() returns A_ServiceOrder;
  };
}

annotate MaintenanceService.A_Equipment with @restrict : [{grant : 'READ'}, {grant : '*', to : 'erp-admin'}];
annotate MaintenanceService.A_MaintenanceOrder with { LastChangeDateTime @odata.etag; Equipment @mandatory };
annotate MaintenanceService.A_MaintenanceNotification with { LastChangeDateTime @odata.etag; Equipment @mandatory };
annotate QualityService.A_InspectionLot with { LastChangeDateTime @odata.etag; Material @mandatory };
annotate QualityService.A_Nonconformance with { LastChangeDateTime @odata.etag; NonconformanceText @mandatory };
annotate LogisticsService.A_Shipment with { LastChangeDateTime @odata.etag; Plant @mandatory };
annotate FieldService.A_ServiceOrder with { LastChangeDateTime @odata.etag; Customer @mandatory };
