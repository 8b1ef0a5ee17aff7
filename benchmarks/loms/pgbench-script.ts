import { type CapturedWork, OPERATIONS_TOGETHER, type Slot, type Template } from './captured-work.ts';
import { LINES, type ScenarioName, skuRange, USERS, WAREHOUSES } from './scenario.ts';

/** `calls`: the two transactions of an order. `everything`: also what loms writes in the background for it. */
export type Extent = 'calls' | 'everything';

/** Steps, and so events, of an order that is made and paid. */
const STEPS = 3;
/** pgbench's random numbers are bigints. */
const KEY_MAX = '9000000000000000000';

/** The script that makes and pays one order: the statements of loms, with variables where loms has parameters. */
export function toScript(work: CapturedWork, scenario: ScenarioName, extent: Extent): string {
  const lines = Array.from({ length: LINES }, (_, line) => line);
  const draws = [
    `\\set user random(1, ${USERS})`,
    `\\set key random(1, ${KEY_MAX})`,
    ...lines.map((line) => `\\set sku${line} random(${skuRange(scenario, line).join(', ')})`),
    ...lines.map((line) => `\\set warehouse${line} random(1, ${WAREHOUSES})`),
  ];
  const events = new EventNames(extent);
  const calls = work.calls.map((template) => render(template, events));
  return [...draws, ...events.draw(), ...calls, ...background(work, extent), ''].join('\n');
}

function background({ advance, journal }: CapturedWork, extent: Extent): string[] {
  if (extent === 'calls') return [];
  const sometimes = (times: number, of: number, template: Template): string[] => [
    `\\set due random(1, ${of})`,
    `\\if :due <= ${times}`,
    render(template, new EventNames('calls')),
    '\\endif',
  ];
  const events = new EventNames(extent);
  return [
    render(advance, events),
    // Two operations an order.
    ...sometimes(2, OPERATIONS_TOGETHER, journal),
  ];
}

/** To acknowledge events, the script has to know their ids; otherwise the database generates them. */
class EventNames {
  readonly #extent: Extent;
  #next = 0;

  constructor(extent: Extent) {
    this.#extent = extent;
  }

  draw(): string[] {
    if (this.#extent === 'calls') return [];
    const ids = Array.from({ length: STEPS }, (_, step) => `gen_random_uuid() AS event${step}`);
    return [`SELECT ${ids.join(', ')} \\gset`];
  }

  /** A list of the order's events may be a parameter several times. */
  next(): string {
    return this.#extent === 'calls' ? 'gen_random_uuid()' : `:event${this.#next++ % STEPS}`;
  }
}

function render({ text, slots, step }: Template, events: EventNames): string {
  const words = slots.map((slot) => toVariable(slot, events));
  const filled = text.replace(/\$(\d+)/g, (_, number) => words[Number(number) - 1] ?? '');
  return step === undefined ? `${filled};` : `${filled} \\gset step${step}_`;
}

function toVariable(slot: Slot, events: EventNames): string {
  switch (slot.kind) {
    case 'user':
    case 'key':
      return `:${slot.kind}`;
    case 'order':
      return ':step0_order_id';
    case 'sku':
    case 'warehouse':
      return `:${slot.kind}${slot.line}`;
    case 'event':
      return events.next();
    case 'list':
      return `ARRAY[${slot.elements.map((element) => toVariable(element, events))}]`;
    case 'constant':
      return toLiteral(slot.value);
  }
}

function toLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`;
  const text = value instanceof Date ? value.toISOString() : String(value);
  return `'${text.replaceAll("'", "''")}'`;
}
