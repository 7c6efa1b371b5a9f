// A service that breaks the way its standard input says, one command a line, each answered with one line of JSON:
//   well | errors SHARE | fail STATUS | hang | drip MS | trickle MS | stall | reset | cut | garbage | counts | forget
// It answers every path with its own port, and counts what it was asked. It ends when its standard input does.
//   node faulty.mjs PORT NAME        prints {"port":…} once it listens
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [port, name] = [Number(process.argv[2] ?? 0), process.argv[3] ?? 'faulty'];
let fault = 'well', value = 0, counts = {}, inFlight = 0, mostInFlight = 0, random = 1;
const held = new Set();

// The same row of chances in each run: a test that fails can be repeated.
const chance = () => (random = (random * 48271) % 2147483647) / 2147483647;

function respond(request, response, status) {
  const body = JSON.stringify({ name, port: server.address().port, method: request.method, attempt: request.headers['x-postern-attempt'] ?? null });
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'X-Served-By': name });
  response.end(body);
}

// One piece after the other, until there are no more or nobody listens.
function drip(socket, pieces, every, write, end) {
  const timer = setInterval(() => (pieces.length > 0 ? write(pieces.shift()) : (clearInterval(timer), end())), every);
  socket.on('close', () => clearInterval(timer));
}

const head = length => `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nX-Served-By: ${name}\r\n\r\n`;

function answer(request, response) {
  const { socket } = request;
  const probe = request.url.startsWith('/healthz');
  switch (fault) {
    case 'errors': return respond(request, response, !probe && chance() < value ? 500 : 200);
    case 'fail': return respond(request, response, probe ? 200 : value);
    case 'hang': return void held.add([request, response]);
    case 'drip': return drip(socket, [...head(10), '0123456789'], value, piece => socket.write(piece), () => socket.end());
    case 'trickle':
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 10, 'X-Served-By': name }).flushHeaders();
      return drip(socket, [...'0123456789'], value, piece => response.write(piece), () => response.end());
    case 'stall': return void socket.write(head(100) + 'half of it');
    case 'reset': return socket.resetAndDestroy();
    case 'cut': return socket.end(head(100) + 'half of it');
    case 'garbage': return socket.end('this is no HTTP\r\n\r\n');
    default: return respond(request, response, 200);
  }
}

const server = createServer((request, response) => {
  const kind = request.url.startsWith('/healthz') ? 'probe' : `${request.method} ${request.headers['x-postern-attempt'] ?? 1}`;
  counts[kind] = (counts[kind] ?? 0) + 1;
  mostInFlight = Math.max(mostInFlight, ++inFlight);
  response.on('close', () => inFlight--);
  request.resume().on('end', () => answer(request, response)).on('error', () => {});
});
server.keepAliveTimeout = 0;
server.on('clientError', (error, socket) => socket.destroy());

const commands = createInterface({ input: process.stdin });
commands.on('line', line => {
  const [command, argument] = line.split(' ');
  if (command === 'forget') {
    [counts, mostInFlight] = [{}, inFlight];
  } else if (command !== 'counts') {
    [fault, value] = [command, Number(argument ?? 0)];
    if (command !== 'hang') {
      for (const [request, response] of held) respond(request, response, 200);
      held.clear();
    }
  }
  console.log(JSON.stringify({ counts, inFlight, mostInFlight }));
});
commands.on('close', () => process.exit());
server.listen({ port, host: '127.0.0.1', backlog: 128 }, () => console.log(JSON.stringify({ port: server.address().port })));
