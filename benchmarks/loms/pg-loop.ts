import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { answerTo, cpuMicros } from '../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../harness/closed-loop.ts';
import type { Slot, Template } from './captured-work.ts';
import { between, type Choice, choose, type ScenarioName, WAREHOUSES } from './scenario.ts';

/** Makes and pays orders with the bare pg driver: the cost of Node itself. */
export interface LoopOrder {
  readonly url: string;
  readonly calls: readonly Template[];
  readonly scenario: ScenarioName;
  readonly timing: Timing;
}

/** The values of one order, for the slots of its statements. */
interface OrderValues extends Choice {
  readonly key: string;
  readonly warehouses: readonly number[];
  orderID: string;
}

let clients: pg.Client[] = [];

answerTo({
  cpu: cpuMicros,
  async run({ url, calls, scenario, timing }: LoopOrder): Promise<Sample> {
    clients = await Promise.all(
      Array.from({ length: timing.concurrency }, async (_, lane) => clients[lane] ?? (await openClient(url))),
    );
    const own = revive(calls);
    return closedLoop(
      clients.map((client) => () => makeOrder(client, own, scenario)),
      timing,
    );
  },
});

async function openClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

async function makeOrder(client: pg.Client, calls: readonly Template[], scenario: ScenarioName): Promise<boolean> {
  const choice = choose(scenario);
  const warehouses = choice.skus.map(() => between(1, WAREHOUSES));
  const values: OrderValues = { ...choice, warehouses, key: randomUUID(), orderID: '' };
  for (const { text, preparedName: name, slots, step } of calls) {
    const parameters = slots.map((slot) => valueFor(slot, values));
    const { rows } = await client.query(parameters.length === 0 ? text : { name, text, values: parameters });
    if (step !== undefined) values.orderID = rows[0].order_id;
  }
  return true;
}

function valueFor(slot: Slot, values: OrderValues): unknown {
  switch (slot.kind) {
    case 'user':
    case 'key':
      return values[slot.kind];
    case 'order':
      return values.orderID;
    case 'sku':
      return values.skus[slot.line];
    case 'warehouse':
      return values.warehouses[slot.line];
    case 'event':
      return randomUUID();
    case 'list':
      return slot.elements.map((element) => valueFor(element, values));
    case 'constant':
      return slot.value;
  }
}

/** IPC turns a Buffer into a plain object. */
function revive(calls: readonly Template[]): Template[] {
  const bytes = (slot: Slot): Slot => {
    if (slot.kind === 'list') return { kind: 'list', elements: slot.elements.map(bytes) };
    if (slot.kind !== 'constant' || typeof slot.value !== 'object' || slot.value === null) return slot;
    const { type, data } = slot.value as { type?: string; data?: number[] };
    return type === 'Buffer' && data ? { kind: 'constant', value: Buffer.from(data) } : slot;
  };
  return calls.map((template) => ({ ...template, slots: template.slots.map(bytes) }));
}
