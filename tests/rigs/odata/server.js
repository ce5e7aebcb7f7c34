'use strict';

// Starts the server: PORT=0 (the default) takes a free one. Prints `listening on http://127.0.0.1:PORT`
// and, given WORK_DIR, writes odata.port and odata.pid there. SIGTERM ends it.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

process.removeAllListeners('warning'); // node:sqlite calls itself experimental, once per start
process.chdir(__dirname); // where the framework looks for the model, the data and package.json

const cds = require('@sap/cds');
const v2 = require('@cap-js-community/odata-v2-adapter');

function announce(port) {
  const folder = process.env.WORK_DIR;
  if (folder) {
    fs.writeFileSync(path.join(folder, 'odata.port'), `${port}\n`);
    fs.writeFileSync(path.join(folder, 'odata.pid'), `${process.pid}\n`);
  }
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
}

// The framework's own listen takes all addresses; this one takes the loopback's only, unless HOST says
// otherwise (a container's network).
function listen(app) {
  const server = http.createServer(app);
  server.keepAliveTimeout = 60_000; // a pool in front of it should not meet closed connections
  server.listen(Number(process.env.PORT ?? 0), process.env.HOST ?? '127.0.0.1', () => {
    const { port } = server.address();
    cds.emit('listening', { server, url: `http://127.0.0.1:${port}` }); // V2 asks V4 at this address
    announce(port);
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
  const app = require('express')();
  app.disable('x-powered-by');
  app.listen = () => listen(app);
  app.use(v2()); // translates /odata/v2 to /odata/v4; before the services, whose parsers take bodies
  await cds.server({ app, in_memory: true, cors: false, index: false, favicon: false });
}

main().catch((error) => {
  process.stderr.write(`odata rig: ${error.stack ?? error}\n`);
  process.exit(1);
});
