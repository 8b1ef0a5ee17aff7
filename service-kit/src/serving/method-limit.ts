import { describeWrong } from 'rpc-kit/urls';
import { parseWhole } from 'rpc-kit/whole-number';

/** Calls of a method that all replicas together answer in a time. */
export interface MethodLimit {
  readonly method: string;
  readonly tokens: number;
  readonly intervalMs: number;
}

const INTERVALS_MS: Readonly<Record<string, number>> = { s: 1_000, min: 60_000 };
const TOKENS = { min: 1, max: 1_000_000 };
const FORM = `method:calls/s or method:calls/min, with calls from ${TOKENS.min} to ${TOKENS.max}, separated by commas`;
const LIMIT = /^(?<method>\w+):(?<tokens>\d+)\/(?<unit>s|min)$/;

/**
 * Reads `listOrders:100/s,createOrder:600/min`.
 * @throws {TypeError} whose message begins with "it"
 */
export function parseMethodLimits(text: string): readonly MethodLimit[] {
  const limits = text.split(',').map((item) => parseMethodLimit(item.trim()));
  const methods = limits.map(({ method }) => method);
  const twice = methods.find((method, index) => methods.indexOf(method) !== index);
  if (twice !== undefined) throw new TypeError(`it has two limits of ${twice}`);
  return limits;
}

function parseMethodLimit(item: string): MethodLimit {
  const { method = '', tokens = '', unit = '' } = LIMIT.exec(item)?.groups ?? {};
  const count = parseWhole(tokens, TOKENS);
  const intervalMs = INTERVALS_MS[unit];
  if (count === undefined || intervalMs === undefined) throw new TypeError(`it ${describeWrong(item, FORM)}`);
  return { method, tokens: count, intervalMs };
}
