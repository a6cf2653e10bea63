// The program under measurement: GET / answers at once, GET /hit runs through the line that gets the breakpoint,
// GET /work calls a function 100 times.

import { createServer } from 'node:http';

/** The machine's monotonic clock in ms, comparable with other processes. */
const clock = () => Number(process.hrtime.bigint()) / 1e6;

function hit() {
  const hitAt = clock();
  const here = hitAt; // BREAK
  const next = here + 1;
  const last = next + 1;
  return { hitAt, blockedMs: clock() - hitAt, last };
}

function visit(user, weight) {
  const sum = user.id + weight; // VISIT
  return sum % 7;
}

const user = { id: 7, name: 'Ann', tags: ['a', 'b'] };

function work() {
  let sum = 0;
  for (let i = 0; i < 100; i++) sum += visit(user, i);
  return sum;
}

const server = createServer((request, response) => {
  if (request.url === '/hit') response.end(JSON.stringify(hit()));
  else if (request.url === '/work') response.end(String(work()));
  else response.end('hello');
});

server.listen(0, '127.0.0.1', () => console.log(`ready: http://127.0.0.1:${server.address().port}`));
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
