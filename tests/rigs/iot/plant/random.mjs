// Numbers that look random and are the same for the same seed: every machine has a source of its own, so that what one
// does never depends on another.

/** FNV-1a over the text. */
export function hash(text) {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

export class Random {
  constructor(seed) {
    this.state = hash(String(seed)) || 1;
  }

  /** 0 <= x < 1 (xorshift32). */
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state / 2 ** 32;
  }

  between(low, high) {
    return low + (high - low) * this.next();
  }

  /** About normal: the sum of some even ones. */
  around(mean, deviation) {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.next();
    return mean + deviation * sum;
  }

  isOnce(probability) {
    return this.next() < probability;
  }
}
