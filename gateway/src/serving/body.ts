import type { IncomingMessage } from 'node:http';
import { HTTP_LIMITS, type HttpLimits, HttpRefusal, parseBody, readBody, surveyJson } from 'rpc-kit/http-server';
import { toOwnRefusal } from '../rest-error.ts';

/** The limits of every service, but for what strangers send: the largest body is an order of 100 lines, about 4 KiB. */
export const LIMITS: HttpLimits = {
  ...HTTP_LIMITS,
  bodyBytesMax: 64 * 1024,
  // A refused body is read so far that its sender receives the answer. Few clients send more at once.
  discardBytesMax: 1024 * 1024,
  // An order has 2 members for each line.
  valuesMax: 1_000,
  nestingDepthMax: 8,
  wideNumbersMax: 100,
};

/** @throws {RestError} for a body that is too large, no JSON, or ambiguous */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  try {
    const text = await readBody(request, LIMITS);
    return text === '' ? undefined : parseOnce(text);
  } catch (error) {
    throw toOwnRefusal(error);
  }
}

function parseOnce(text: string): unknown {
  const value = parseBody(text, LIMITS);
  if (countValues(value) === surveyJson(text).values) return value;
  throw new HttpRefusal(400, 'The body names a member twice');
}

/** As `surveyJson` counts them in the text. JSON.parse keeps the last of several members of one name, so fewer remain. */
function countValues(root: unknown): number {
  let values = 1;
  const pending = [root];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null || 'rawJSON' in value) continue;
    const items = Object.values(value);
    values += Math.max(1, items.length);
    pending.push(...items.filter((item) => item !== undefined));
  }
  return values;
}
