// Which machines speak Sparkplug, by group and edge node; apis/system/iot/devices/plant-*.yaml says the same to the gateway.
// Equipment is what the ERPs of the rigs know: work centres of plant 1010 (Tryton) and machines of 1020 (OData).

import { Cnc, ColdStore, EnergyMeter, Press } from './machines.mjs';

export const LAYOUT = [
  { group: 'plant-1010', edgeNode: 'line-1', devices: { 'cnc-1': Cnc, 'lathe-3': Cnc, 'meter-1': EnergyMeter } },
  { group: 'plant-1010', edgeNode: 'line-2', devices: { 'press-4': Press, 'bend-2': Press, 'meter-2': EnergyMeter } },
  { group: 'plant-1010', edgeNode: 'stores', devices: { 'cold-store-1': ColdStore } },
  { group: 'plant-1020', edgeNode: 'line-3', devices: { 'lathe-1': Cnc, 'lathe-2': Cnc, 'mill-1': Cnc, 'press-1': Press, 'meter-3': EnergyMeter } },
];
