'use strict';

// Numbers of documents and what all services share: data in memory, one process.

const cds = require('@sap/cds');

const series = new Map(); // entity -> the number that was given last

// The next number of a series. No two get the same, whatever runs at once; one that a client has
// chosen for itself is passed over.
async function nextNumber(entity, key, first) {
  const { name } = entity;
  let number;
  do {
    number = Math.max(series.get(name) ?? 0, first - 1) + 1;
    series.set(name, number);
  } while (await SELECT.one.from(entity).columns(key).where({ [key]: String(number) }));
  return String(number);
}

// A document that names no key of its own gets the next one.
function numbered(entity, key, first) {
  return async (req) => {
    req.data[key] ??= await nextNumber(cds.entities('factory')[entity], key, first);
  };
}

// An action that moves an entity from one of some states to another.
function transition(entity, key, status, from, to, more = () => ({})) {
  return async (req) => {
    const table = cds.entities('factory')[entity];
    const where = { [key]: req.params.at(-1)[key] };
    const row = await SELECT.one.from(table).where(where);
    if (!row) return req.reject(404);
    if (!from.includes(row[status]))
      return req.reject(409, `${entity} ${where[key]} is ${row[status]}, not ${from.join(' or ')}`, status);
    const refusal = await more(req, row);
    if (refusal?.refuse) return req.reject(422, refusal.refuse, refusal.target);
    await UPDATE(table).set({ [status]: to, ...refusal }).where(where);
    return SELECT.one.from(table).where(where);
  };
}

// A state that only an action may change.
function guard(status) {
  return (req) => {
    if (req.data[status] !== undefined) req.reject(422, `${status} is changed by actions only`, status);
  };
}

async function mustExist(req, entity, where, target) {
  if (Object.values(where).some((value) => value === undefined || value === null)) return undefined;
  const row = await SELECT.one.from(cds.entities('factory')[entity]).where(where);
  if (!row) req.reject(422, `${target} ${where[target] ?? Object.values(where)[0]} does not exist`, target);
  return row;
}

const now = () => new Date().toISOString();
const today = () => now().slice(0, 10);
const isAdmin = (req) => req.user.is('erp-admin');

module.exports = { nextNumber, numbered, transition, guard, mustExist, now, today, isAdmin };
