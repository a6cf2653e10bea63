/**
 * A few customers who shop all day: `npx tsx test/apps/shop/traffic.ts <address> [customers per second]`. Some look
 * into their cart before they pay, some don't, some have a coupon.
 */

const address = process.argv[2] ?? 'http://127.0.0.1:4100';
const perSecond = Number(process.argv[3] ?? 1);
const NAMES = ['Ada', 'Barbara', 'Edsger', 'Frances', 'Grace', 'Ken', 'Niklaus', 'Radia'];
const SKUS = ['tea-green', 'tea-black', 'cup', 'pot', 'kettle', 'honey'];

let count = 0;

async function post(path: string, body: object = {}): Promise<{ id: string }> {
  const response = await fetch(`${address}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as { id: string };
}

function pick<T>(list: readonly T[], n: number): T {
  return list[n % list.length] as T;
}

/** One customer, from the empty cart to the checkout. What they do follows from their number alone. */
async function visit(n: number): Promise<void> {
  const { id } = await post('/carts', { customer: pick(NAMES, n) });
  await post(`/carts/${id}/lines`, { sku: pick(SKUS, n + Math.floor(n / 6)), quantity: 1 + (n % 3) });
  await post(`/carts/${id}/lines`, { sku: pick(SKUS, n * 5 + 1 + Math.floor(n / 4)), quantity: 1 + (n % 6) });
  if (n % 3 === 0) await post(`/carts/${id}/coupon`, { code: n % 2 === 0 ? 'WELCOME10' : 'TEATIME15' });
  if (n % 2 === 0) await fetch(`${address}/carts/${id}`).then((response) => response.json());
  await post(`/carts/${id}/checkout`);
}

const timer = setInterval(() => {
  count += 1;
  // the shop may be restarting or held by a debugger: the next customer tries again
  visit(count).catch(() => undefined);
}, 1000 / perSecond);

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    clearInterval(timer);
    process.exit(0);
  });
}
