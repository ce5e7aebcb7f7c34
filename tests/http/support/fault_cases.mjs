// What can go wrong with an operation and at an ERP, and what the caller is told then: docs/faults.md as a table.

export const SECRET = 'INNER-WORDS-OF-THE-ERP'; // whatever the ERP says has it

const JSON_TYPE = { 'content-type': 'application/json' };
const HTML_TYPE = { 'content-type': 'text/html' };
const PAGE = `<html><body><h1>${SECRET}</h1></body></html>`;
const CUT = `{"value": [{"Material": "${SECRET}`;

const answer = (status, body = '', headers = JSON_TYPE) => ({ kind: 'answer', status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
const rpcError = (name) => answer(200, { id: 1, error: [name, [SECRET, '', null]] });
const odataError = (status, code) => answer(status, { error: { code, message: SECRET } });

/** One thing for Tryton's JSON-RPC, another for OData. */
const either = (rpc, odata) => ({ isRpc }) => (isRpc ? rpc : odata);

const refusal = either(rpcError('UserError'), odataError(400, 'RULE_1'));
const conflict = either(rpcError('ConcurrencyException'), odataError(409, 'CONFLICT'));

const AWAY = [503, 'unavailable'];
const LATE = [504, 'backend-timeout'];
const RUBBISH = [502, 'bad-gateway'];
const soon = { 'retry-after': '7' };

// Whoever has named a state by If-Match is told that it is gone.
const beaten = (asked, effect, { takesEtag }) => (takesEtag ? [412, 'precondition-failed'] : [409, 'changed-meanwhile']);

// Of the answer to a read: the first one of the operation, or with `isForAll` all. What a flow could make something else
// of, a system that is slow and one that answers in HTML or half are met by every operation (`isFlows`), the rest, which
// is the connector's alone, by one list and one read of each API and plant.
const read = [
  { what: 'closed before an answer', isFlows: true, with: { kind: 'cut-before' }, says: AWAY },
  { what: 'no answer in time', isFlows: true, with: { kind: 'hang' }, says: LATE },
  { what: '503 with Retry-After', isFlows: true, with: answer(503, SECRET, soon), says: AWAY, retryAfter: /^7$/ },
  { what: '503', with: answer(503, PAGE, HTML_TYPE), says: AWAY },
  { what: '429', with: answer(429, PAGE, HTML_TYPE), says: AWAY },
  { what: '502 of something before it', with: answer(502, PAGE, HTML_TYPE), says: AWAY },
  { what: '500', with: answer(500, PAGE, HTML_TYPE), says: either(AWAY, RUBBISH) },
  { what: '401', with: answer(401, PAGE, HTML_TYPE), says: RUBBISH, isForAll: true },
  { what: '403', with: answer(403, PAGE, HTML_TYPE), says: RUBBISH },
  { what: 'its own refusal', isFlows: true, with: refusal, says: [422, 'refused'] },
  { what: 'its own conflict', isFlows: true, with: conflict, says: beaten },
  { what: '200 with a page of HTML', isFlows: true, with: answer(200, PAGE, HTML_TYPE), says: RUBBISH },
  { what: 'HTML that is said to be JSON', with: answer(200, PAGE), says: RUBBISH },
  { what: 'JSON that ends too early', isFlows: true, with: answer(200, CUT), says: RUBBISH },
  { what: 'a body that ends too early', isFlows: true, with: { kind: 'short', body: CUT }, says: RUBBISH },
  { what: 'nothing', with: answer(200), says: RUBBISH },
  { what: 'null', isFlows: true, with: answer(200, 'null'), says: RUBBISH },
  { what: 'other JSON', isFlows: true, with: answer(200, { hello: [SECRET] }), says: RUBBISH },
  { what: 'a result of another type', isFlows: true, with: either(answer(200, { id: 1, result: 7 }), answer(200, { value: 'seven' })), says: RUBBISH },
  { what: 'rows of other types', isFlows: true, with: either(answer(200, { id: 1, result: [[1], 'x'] }), answer(200, { value: [[1], 'x'] })), says: RUBBISH },
  { what: 'a redirect', with: answer(302, PAGE, { ...HTML_TYPE, location: 'http://127.0.0.1:1/' }), says: RUBBISH },
  { what: 'a body that never ends', with: { kind: 'endless' }, says: RUBBISH, isCostly: true },
];

// Of a write that was sent and of which nothing is known, by the class of its effect. What may be sent again (A) is told
// like a read: nothing is lost.
const inDoubt = (ofRepeatable) => ({ isRpc }, effect) => {
  if (effect === 'A') return typeof ofRepeatable === 'function' ? ofRepeatable({ isRpc }) : ofRepeatable;
  return effect === 'C' ? [503, 'effect-settling'] : [502, 'effect-in-doubt'];
};

// Of the answer to its write. None of them has it done. All of them are met by one write of each effect, API and plant,
// `isFlows` by every one.
const write = [
  { what: '503 with Retry-After', isFlows: true, with: answer(503, SECRET, soon), says: AWAY, retryAfter: /^7$/ },
  { what: '401', with: answer(401, PAGE, HTML_TYPE), says: RUBBISH },
  { what: '403', with: answer(403, PAGE, HTML_TYPE), says: RUBBISH },
  { what: 'its own refusal', isFlows: true, with: refusal, says: [422, 'refused'] },
  { what: 'its own conflict', isFlows: true, with: conflict, says: beaten },
  { what: 'its record has changed', isFlows: true, with: either(rpcError('ConcurrencyException'), odataError(412, 'STALE')), says: beaten },
  { what: 'closed before an answer', isFlows: true, with: { kind: 'cut-before' }, says: inDoubt(AWAY) },
  { what: 'no answer in time', isFlows: true, with: { kind: 'hang' }, says: inDoubt(LATE) },
  { what: '500', with: answer(500, PAGE, HTML_TYPE), says: inDoubt(RUBBISH) },
  { what: '200 with a page of HTML', isFlows: true, with: answer(200, PAGE, HTML_TYPE), says: inDoubt(RUBBISH) },
  { what: 'JSON that ends too early', isFlows: true, with: answer(200, CUT), says: inDoubt(RUBBISH) },
  { what: 'a body that ends too early', isFlows: true, with: { kind: 'short', body: CUT }, says: inDoubt(RUBBISH) },
];

export const FAULTS = { read, write };

const add = (rest, query) => `${rest}${rest.includes('?') ? '&' : '?'}${query}`;

// What the caller does wrong. `asks`: it takes a look at the record to see it.
export const INPUTS = [
  { what: 'a plant that nobody keeps', change: () => ({ plant: '9999' }), says: [404, 'unknown-key'] },
  { what: 'a parameter out of bounds', isFor: ({ isList }) => isList, change: ({ rest }) => ({ rest: add(rest, 'limit=0') }), says: [400, 'invalid-parameter'] },
  { what: 'a parameter that is none', isFor: ({ isList }) => isList, change: ({ rest }) => ({ rest: add(rest, 'sort=nonsense') }), says: [400, 'invalid-parameter'] },
  { what: 'a cursor that is none', isFor: ({ isList }) => isList, change: ({ rest }) => ({ rest: add(rest, 'cursor=bm9uZQ') }), says: [400, 'invalid-parameter'] },
  { what: 'a body that does not fit', isFor: ({ hasBody }) => hasBody, change: () => ({ body: { nonsense: true } }), says: [400, 'invalid-body'] },
  { what: 'no Idempotency-Key', isFor: ({ isWrite }) => isWrite, change: () => ({ key: null }), says: [400, 'invalid-parameter'] },
  { what: 'no If-Match', isFor: ({ takesEtag }) => takesEtag, change: () => ({ etag: undefined }), says: [428, 'precondition-required'] },
  { what: 'an If-Match of yesterday', isFor: ({ takesEtag }) => takesEtag, change: () => ({ etag: '"of-yesterday"' }), says: [412, 'precondition-failed'], asks: true },
];
