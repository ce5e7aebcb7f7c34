// A WebSocket server of the npm package `ws` with one behaviour for each path.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

import { WebSocketServer } from 'ws';

const behaviours = {
  '/echo': (socket) => socket.on('message', (bytes, isBinary) => socket.send(bytes, { binary: isBinary })),
  '/die': (socket) => socket.on('message', () => socket.terminate()),
  '/farewell': (socket) => socket.on('message', () => {
    socket.send('the last word');
    socket.close(4001, 'enough');
  }),
  // One large frame that is never finished: no Close of another may stand within it.
  '/half-frame': (socket) => socket.on('message', () =>
    socket._socket.write(Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(100)]))),
  '/flood': (socket) => socket.on('message', (text) => {
    const piece = Buffer.alloc(64 * 1024, 'x');
    for (let left = Number(text); left > 0; left -= piece.length) socket.send(piece);
  }),
};

function refuse(socket, request) {
  const body = JSON.stringify({ why: 'no such behaviour', path: request.url });
  socket.end(`HTTP/1.1 418 No\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
    `X-Kept: 1\r\nConnection: close\r\n\r\n${body}`);
}

/** {url, requests, closes, sockets, stop}; `tls` has key and cert. */
export async function startWebSocketPeer({ tls } = {}) {
  const server = tls ? https.createServer(tls) : http.createServer();
  const wss = new WebSocketServer({
    noServer: true,
    perMessageDeflate: true,
    maxPayload: 64 * 1024 * 1024,
    handleProtocols: (protocols) => (protocols.has('plant.v2') ? 'plant.v2' : false),
  });
  const raw = new Set();
  const peer = { requests: [], closes: [], sockets: wss.clients, server };
  server.on('request', (request, response) => response.end('plain'));
  server.on('upgrade', (request, socket, head) => {
    const path = request.url.split('?')[0];
    peer.requests.push({ url: request.url, headers: request.headers });
    socket.on('error', () => {});
    socket.on('close', () => raw.delete(socket));
    raw.add(socket);
    if (path === '/wrong-accept') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n');
    } else if (path !== '/silent' && !behaviours[path]) {
      refuse(socket, request);
    } else if (path !== '/silent') {
      wss.handleUpgrade(request, socket, head, (ws) => {
        ws.on('close', (code, reason) => peer.closes.push({ path, code, reason: String(reason) }));
        ws.on('error', () => {});
        behaviours[path](ws);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  peer.url = `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
  peer.stop = async () => {
    for (const socket of wss.clients) socket.terminate();
    for (const socket of raw) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return peer;
}
