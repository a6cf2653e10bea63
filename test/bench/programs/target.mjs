// The program under measurement: GET / answers at once, GET /hit runs through the line that gets the breakpoint,
// GET /hit-large through one where the scopes reach a megabyte, GET /work calls a function 100 times.

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

function hitLarge(graph) {
  const hitAt = clock();
  const here = hitAt; // LARGE
  const next = here + 1;
  const last = next + 1;
  return { hitAt, blockedMs: clock() - hitAt, last, users: graph.users.length };
}

/** 2,500 objects of some 400 bytes. */
function largeGraph() {
  const users = Array.from({ length: 1250 }, (_, id) => {
    return {
      id,
      name: `user ${id} `.repeat(15),
      address: { street: `street ${id} `.repeat(15), city: 'Ulm', zip: id },
    };
  });
  return { users, byId: new Map(users.map((user) => [user.id, user])) };
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
  else if (request.url === '/hit-large') response.end(JSON.stringify(hitLarge(largeGraph())));
  else if (request.url === '/work') response.end(String(work()));
  else response.end('hello');
});

server.listen(0, '127.0.0.1', () => console.log(`ready: http://127.0.0.1:${server.address().port}`));
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
