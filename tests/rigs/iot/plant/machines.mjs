// What machines do, by steps of simulated time: pure, and the same for the same seed and the same faults.
//
// `metrics()` are Sparkplug's: {name: {type, value}}. Counters only grow, unless a fault resets them.

import { Random } from './random.mjs';

export const STOPPED = 0, IDLE = 1, RUNNING = 2, FAULT = 3;

const round = (value, digits) => Number(value.toFixed(digits));

/** First-order lag: `from` goes towards `to` with the time constant `tau`. */
const lag = (from, to, seconds, tau) => to + (from - to) * Math.exp(-seconds / tau);

class Machine {
  constructor(id, seed) {
    this.id = id;
    this.random = new Random(`${seed}/${id}`);
    this.energy = round(this.random.between(1000, 90_000), 3);
    this.faults = {};
  }

  /** `kind` with its settings from now on; null ends it. */
  set(kind, settings) {
    if (settings === null) delete this.faults[kind];
    else this.faults[kind] = settings;
  }

  use(kilowatts, seconds) {
    this.energy += (kilowatts * seconds) / 3600;
  }
}

/** A machine that makes parts in cycles, in lots with a pause between them. */
class Maker extends Machine {
  constructor(id, seed, { cycle, lot, pause, scrapShare, weight }) {
    super(id, seed);
    Object.assign(this, { cycle, lot, pause, scrapShare, weight });
    this.good = Math.floor(this.random.between(100, 20_000));
    this.scrap = Math.floor(this.good * scrapShare);
    this.consumed = round((this.good + this.scrap) * weight, 3);
    this.state = RUNNING;
    this.leftInLot = Math.floor(this.random.between(1, lot));
    this.left = this.random.between(0, cycle);
  }

  set(kind, settings) {
    super.set(kind, settings);
    if (kind === 'reset' && settings) this.good = this.scrap = 0;
  }

  step(seconds) {
    if (this.faults.stop) this.state = STOPPED;
    else if (this.faults.breakdown) this.state = FAULT;
    else if (this.state === STOPPED || this.state === FAULT) this.state = IDLE;
    let left = this.state === STOPPED || this.state === FAULT ? 0 : seconds;
    while (left > 0 && this.left <= left) {
      left -= this.left;
      this.#end();
    }
    this.left -= left;
  }

  /** Of a cycle, or of the pause between two lots. */
  #end() {
    if (this.state === RUNNING) {
      this.#makePart();
      this.leftInLot--;
    } else {
      this.leftInLot = Math.floor(this.random.between(this.lot / 2, this.lot * 1.5));
    }
    this.state = this.leftInLot > 0 ? RUNNING : IDLE;
    this.left = this.state === RUNNING
      ? Math.max(this.random.around(this.cycle, this.cycle / 40), this.cycle / 2)
      : this.random.between(this.pause / 2, this.pause * 2);
  }

  #makePart() {
    const share = this.faults.scrap ? this.faults.scrap.share ?? 0.5 : this.scrapShare;
    if (this.random.isOnce(share)) this.scrap++;
    else this.good++;
    this.consumed += this.weight;
  }

  counters() {
    return {
      'Machine/State': { type: 'UInt8', value: this.state },
      'Production/Good': { type: 'UInt32', value: this.good },
      'Production/Scrap': { type: 'UInt32', value: this.scrap },
      'Material/Consumed': { type: 'Double', value: round(this.consumed, 3) },
      'Energy/Total': { type: 'Double', value: round(this.energy, 3) },
    };
  }
}

export class Cnc extends Maker {
  constructor(id, seed) {
    super(id, seed, { cycle: 42, lot: 40, pause: 90, scrapShare: 0.015, weight: 0.42 });
    this.temperature = 24;
    this.vibration = 0.3;
    this.wear = this.random.between(0, 0.3);
  }

  step(seconds) {
    super.step(seconds);
    const isRunning = this.state === RUNNING;
    this.wear = isRunning ? this.wear + seconds / 3_000_000 : this.wear;
    this.vibration = Math.max(0, this.random.around(isRunning ? 1.6 + this.wear : 0.3, isRunning ? 0.15 : 0.03));
    if (this.faults.vibrate && isRunning) this.vibration += this.faults.vibrate.by ?? 6;
    this.temperature = lag(this.temperature, isRunning ? 55 + 5 * this.wear : 24, seconds, 900);
    this.use(isRunning ? this.random.around(9, 0.6) : this.state === STOPPED ? 0.2 : 0.9, seconds);
  }

  metrics() {
    return {
      ...this.counters(),
      'Spindle/Vibration': { type: 'Double', value: round(this.vibration, 3), unit: 'mm/s' },
      'Spindle/Temperature': { type: 'Double', value: round(this.temperature, 2), unit: 'Cel' },
    };
  }
}

export class Press extends Maker {
  constructor(id, seed) {
    super(id, seed, { cycle: 6, lot: 300, pause: 240, scrapShare: 0.004, weight: 0.118 });
  }

  step(seconds) {
    super.step(seconds);
    this.use(this.state === RUNNING ? this.random.around(5.5, 0.3) : this.state === STOPPED ? 0.1 : 0.7, seconds);
  }

  metrics() {
    return this.counters();
  }
}

/** A cooling unit that switches between two temperatures; the door lets the hall's air in. */
export class ColdStore extends Machine {
  constructor(id, seed) {
    super(id, seed);
    this.temperature = this.random.between(3.6, 4.4);
    this.isCooling = false;
  }

  step(seconds) {
    if (this.temperature > 4.6) this.isCooling = true;
    if (this.temperature < 3.4) this.isCooling = false;
    const isOff = Boolean(this.faults.noCooling);
    const isOpen = Boolean(this.faults.open);
    if (isOpen) this.temperature = lag(this.temperature, 19, seconds, 900);
    else if (this.isCooling && !isOff) this.temperature = lag(this.temperature, -4, seconds, 2400);
    else this.temperature = lag(this.temperature, 19, seconds, 9000);
    this.use(this.isCooling && !isOff ? 3.2 : 0.15, seconds);
  }

  metrics() {
    return {
      'Temperature/Air': { type: 'Double', value: round(this.random.around(this.temperature, 0.02), 2), unit: 'Cel' },
      'Door/Open': { type: 'Boolean', value: Boolean(this.faults.open) },
      'Energy/Total': { type: 'Double', value: round(this.energy, 3) },
    };
  }
}

/** What a line uses besides its machines: air, light, conveyors. */
export class EnergyMeter extends Machine {
  step(seconds) {
    this.use(Math.max(1, this.random.around(6, 0.8)), seconds);
  }

  metrics() {
    return { 'Energy/Total': { type: 'Double', value: round(this.energy, 3) } };
  }
}
