'use strict';

// What goes wrong when a test wants it to. With RIG_FAULTS=1, POST /rig/faults takes
// {"kind", "match", "method", "times", "ms"}: the next `times` requests (1) of that method whose URL
// contains `match` are met with it:
//   slow      answered after `ms`             hang       never answered
//   busy      503 with Retry-After: 7         broken     500, not by OData
//   html      200 with a page                 cut-json   200 with half an object
//   shape     200 with other JSON             deep       200, deeper than anybody reads
//   empty     200 with nothing                values     200 with a list of what are no entities
//   huge      200 with 32 MiB                 cut        executed; half of the answer
//   lost      executed; the connection is closed instead of an answer
//   held      executed; never answered
//   refuse    closed at once, not executed
// DELETE forgets them. GET tells {"seen": N}: the requests that reached the server since then.
// With CSRF=1 writes need a token, and the cookie of its session, as SAP Gateway has them;
// DELETE /rig/sessions ends all sessions.

const crypto = require('node:crypto');

const DEEP = 20_000;
const HUGE = 32 << 20;

const faults = [];
let seen = 0;

function swallow(req, res, half) {
  const end = () => {
    if (half) res.socket?.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"d":{"results":[');
    setTimeout(() => res.socket?.destroy(), half ? 50 : 0);
    return res;
  };
  res.writeHead = () => res;
  res.write = () => true;
  res.end = end;
}

function hold(res) {
  for (const method of ['writeHead', 'end']) res[method] = () => res;
  res.write = () => true;
}

const json = (res, text) => res.setHeader('content-type', 'application/json').end(text);

const KINDS = {
  slow: (req, res, next, { ms = 500 }) => setTimeout(next, ms),
  hang: () => {},
  busy: (req, res) => res.status(503).setHeader('retry-after', '7').end('busy'),
  broken: (req, res) => res.status(500).setHeader('content-type', 'text/html').end('<h1>Internal Server Error</h1>'),
  html: (req, res) => res.setHeader('content-type', 'text/html').end('<html><body>Please log in</body></html>'),
  'cut-json': (req, res) => json(res, '{"value":[{"Material":"X"'),
  shape: (req, res) => json(res, '{"hello":["world"]}'),
  empty: (req, res) => json(res, ''),
  values: (req, res) => json(res, '{"value":[1,"x"],"d":{"results":[1,"x"]}}'),
  deep: (req, res) => json(res, `{"d":${'['.repeat(DEEP)}${']'.repeat(DEEP)},"value":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`),
  huge: (req, res) => json(res, `{"value":["${'x'.repeat(HUGE)}"]}`),
  cut: (req, res, next) => { swallow(req, res, true); next(); },
  lost: (req, res, next) => { swallow(req, res, false); next(); },
  held: (req, res, next) => { hold(res); next(); },
  refuse: (req) => req.socket.destroy(),
};

function take(req) {
  const index = faults.findIndex(({ match = '', method }) => req.originalUrl.includes(match) && (!method || method === req.method));
  if (index < 0) return undefined;
  const fault = faults[index];
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times <= 0) faults.splice(index, 1);
  return fault;
}

function control(express) {
  const router = express.Router();
  router.post('/faults', express.json(), (req, res) => {
    if (!KINDS[req.body.kind]) return res.status(400).json({ kinds: Object.keys(KINDS) });
    faults.push(req.body);
    return res.status(204).end();
  });
  router.delete('/faults', (req, res) => {
    faults.length = 0;
    seen = 0;
    res.status(204).end();
  });
  router.get('/faults', (req, res) => res.json({ seen }));
  router.delete('/sessions', (req, res) => {
    sessions.clear();
    res.status(204).end();
  });
  return router;
}

// Requests that the server sends to itself (V2 asks V4, with the same fields) are not the test's.
const isInner = (req) => req.headers['x-rig-inner'] !== undefined;

function mark(req, res, next) {
  req.headers['x-rig-inner'] = '1';
  next();
}

function meet(req, res, next) {
  if (isInner(req)) return next();
  seen += 1;
  const fault = take(req);
  return fault ? KINDS[fault.kind](req, res, next, fault) : next();
}

// --- SAP Gateway's tokens ---

const sessions = new Map(); // session -> token
const WRITES = ['POST', 'PUT', 'PATCH', 'MERGE', 'DELETE'];

const sessionOf = (req) => /(?:^|;\s*)SAP_SESSIONID=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];

function guard(req, res, next) {
  const asked = req.headers['x-csrf-token'];
  if (isInner(req)) return next();
  if (!WRITES.includes(req.method)) {
    if (String(asked).toLowerCase() === 'fetch') {
      const session = crypto.randomUUID();
      const token = crypto.randomBytes(18).toString('base64url');
      sessions.set(session, token);
      res.setHeader('x-csrf-token', token);
      res.append('set-cookie', `SAP_SESSIONID=${session}; path=/; HttpOnly`);
      res.append('set-cookie', 'sap-usercontext=sap-client=100; path=/');
    }
    return next();
  }
  if (asked && sessions.get(sessionOf(req)) === asked) return next();
  return res.status(403).setHeader('x-csrf-token', 'Required').type('text/plain').send('CSRF token validation failed');
}

module.exports = { control, meet, guard, mark };
