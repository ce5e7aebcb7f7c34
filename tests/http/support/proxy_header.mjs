// Headers of the PROXY protocol, as a balancer sends them.

import { isIPv4 } from 'node:net';

const START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** PROXY TCP4 or TCP6. */
export function v1(source, { destination = isIPv4(source) ? '10.0.0.1' : '2001:db8::1', port = 40000 } = {}) {
  return Buffer.from(`PROXY ${isIPv4(source) ? 'TCP4' : 'TCP6'} ${source} ${destination} ${port} 443\r\n`, 'latin1');
}

/** Any command, family and block; its length is right. */
export function v2Raw(command, family, block = Buffer.alloc(0)) {
  const head = Buffer.from([command, family, block.length >> 8, block.length & 0xff]);
  return Buffer.concat([START, head, block]);
}

/** The command PROXY; `more` are the bytes behind the addresses. */
export function v2(source, more = Buffer.alloc(0)) {
  const isV4 = isIPv4(source);
  const addresses = Buffer.alloc(isV4 ? 12 : 36);
  bytesOf(source).copy(addresses, 0);
  bytesOf(isV4 ? '10.0.0.1' : '2001:db8::1').copy(addresses, isV4 ? 4 : 16);
  addresses.writeUInt16BE(40000, isV4 ? 8 : 32);
  addresses.writeUInt16BE(443, isV4 ? 10 : 34);
  return v2Raw(0x21, isV4 ? 0x11 : 0x21, Buffer.concat([addresses, more]));
}

export const local = v2Raw(0x20, 0x00);

function bytesOf(address) {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head, tail = ''] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const groups = [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail];
  return Buffer.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]));
}
