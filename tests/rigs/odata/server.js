'use strict';

// Starts the server: PORT=0 (the default) takes a free one. Prints `listening on http://127.0.0.1:PORT`
// once it is there with all its data and, given WORK_DIR, writes odata.port and odata.pid there. SIGTERM
// ends it. SEED=none leaves it with the small plant of db/data alone. CDS_FEATURES_IEEE754COMPATIBLE=true
// makes decimals texts. RIG_FAULTS and CSRF: see faults.js.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

process.removeAllListeners('warning'); // node:sqlite calls itself experimental, once per start
process.chdir(__dirname); // where the framework looks for the model, the data and package.json

const cds = require('@sap/cds');
const express = require('express');
const v2 = require('@cap-js-community/odata-v2-adapter');

const faults = require('./faults');
const { seed } = require('./seed');

const USERS = cds.env.requires.auth.users;

function announce(port) {
  isReady = true;
  const folder = process.env.WORK_DIR;
  if (folder) {
    fs.writeFileSync(path.join(folder, 'odata.port'), `${port}\n`);
    fs.writeFileSync(path.join(folder, 'odata.pid'), `${process.pid}\n`);
  }
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
}

async function prepare(url) {
  if (process.env.SEED === 'none') return;
  await seed(url, { user: 'erpadmin', password: USERS.erpadmin.password });
}

function fail(error) {
  process.stderr.write(`odata rig: ${error.stack ?? error}\n`);
  process.exit(1);
}

// The seed comes before anything is met with a fault or asked for a token.
let isReady = false;
const onceReady = (middleware) => (req, res, next) => (isReady ? middleware(req, res, next) : next());

// The framework's own listen takes all addresses; this one takes the loopback's only, unless HOST says
// otherwise (a container's network).
function listen(app) {
  const server = http.createServer(app);
  server.keepAliveTimeout = 60_000; // a pool in front of it should not meet closed connections
  server.listen(Number(process.env.PORT ?? 0), process.env.HOST ?? '127.0.0.1', () => {
    const { port } = server.address();
    const url = `http://127.0.0.1:${port}`;
    cds.emit('listening', { server, url }); // V2 asks V4 at this address
    prepare(url).then(() => announce(port), fail);
  });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      server.close(() => process.exit(0));
      server.closeAllConnections();
    });
  }
  return server;
}

async function main() {
  const app = express();
  app.disable('x-powered-by');
  app.listen = () => listen(app);
  if (process.env.RIG_FAULTS) {
    app.use('/rig', faults.control(express));
    app.use(onceReady(faults.meet));
  }
  if (process.env.CSRF) app.use(onceReady(faults.guard));
  if (process.env.RIG_FAULTS || process.env.CSRF) app.use(onceReady(faults.mark));
  app.use(v2()); // translates /odata/v2 to /odata/v4; before the services, whose parsers take bodies
  await cds.server({ app, in_memory: true, cors: false, index: false, favicon: false });
}

process.stdout.on('error', () => {}); // whoever waited for the address need not go on listening
main().catch(fail);
