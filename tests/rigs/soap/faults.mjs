// What a backend can do wrong, by name.

const XML = { 'content-type': 'text/xml; charset=utf-8' };
const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/';
const envelope = (body) => `<s:Envelope xmlns:s="${ENVELOPE}"><s:Body>${body}</s:Body></s:Envelope>`;
const bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>';
const theft = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>';

const answers = {
  html: [200, { 'content-type': 'text/html' }, '<html><body>Wartung</body></html>'],
  'html-500': [500, { 'content-type': 'text/html' }, '<html>Internal</html>'],
  busy: [503, { 'content-type': 'text/html', 'retry-after': '7' }, 'busy'],
  'cut-xml': [200, XML, envelope('<a>').slice(0, 80)],
  bomb: [200, XML, bomb + envelope('<a>&b;</a>')],
  theft: [200, XML, theft + envelope('<a>&a;</a>')],
  empty: [200, XML, ''],
  other: [200, XML, envelope('<m:somethingElse xmlns:m="urn:plant:mes:v1"/>')],
  mtom: [200, { 'content-type': 'multipart/related; boundary=b; type="application/xop+xml"' }, '--b\r\n\r\n\r\n--b--\r\n'],
};

/** The answer, once the service has made it, is `change`d before it leaves. */
function rewrite(response, change) {
  const end = response.end.bind(response);
  const parts = [];
  response.write = (part) => parts.push(Buffer.from(part));
  response.end = (part) => {
    if (part) parts.push(Buffer.from(part));
    change(Buffer.concat(parts).toString('utf8'), end);
  };
}

const SPOILERS = {
  lost: (request, response) => rewrite(response, () => request.socket.destroy()),
  slow: (request, response) => rewrite(response, (body, end) => setTimeout(() => end(body), 20_000).unref()),
  latin1: (request, response) => rewrite(response, (body, end) => {
    response.setHeader('content-type', 'text/xml');
    end(Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?>${body.replace(/^<\?xml.*?\?>/, '')}`, 'latin1'));
  }),
  utf16: (request, response) => rewrite(response, (body, end) => {
    response.setHeader('content-type', 'text/xml; charset=utf-16');
    end(Buffer.from(`\ufeff${body.replace(/^<\?xml.*?\?>/, '')}`, 'utf16le'));
  }),
};

/** Whether the service shall answer nevertheless. */
export function spoil(kind, request, response) {
  if (SPOILERS[kind]) {
    SPOILERS[kind](request, response);
    return true;
  }
  request.resume();
  response.writeHead(answers[kind][0], answers[kind][1]);
  response.end(answers[kind][2]);
  return false;
}
