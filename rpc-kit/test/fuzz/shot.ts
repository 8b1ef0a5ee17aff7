import { mutateBody } from './mutate-body.ts';
import { BYTE_MUTATIONS } from './mutate-bytes.ts';
import { mutateHead } from './mutate-head.ts';
import { createRandom, type Random } from './random.ts';
import { type FuzzRequest, validRequest } from './valid-request.ts';

/** The bytes of one connection, and how they are sent. */
export interface Shot {
  /** Requests in it, one after the other without waiting for answers. */
  readonly requests: number;
  /** Whether they are all good ones, so that every one of them must be answered well. */
  readonly intact: boolean;
  readonly parts: readonly Buffer[];
  /** Whether its sender waits for the answers, or goes away without them: in good order, or not. */
  readonly ending: 'wait' | 'end' | 'reset';
}

/** The shot of that number: of one seed always the same, so that one that does harm can be fired again alone. */
export function createShot(seed: number, index: number): Shot {
  const random = createRandom(Math.imul(seed, 0x9e3779b1) + index);
  const requests = random.chance(0.85) ? 1 : 2 + random.below(4);
  const made = Array.from({ length: requests }, (_, each) => maybeMutated(random, each === requests - 1));
  const bytes = Buffer.concat(made.map((one) => one.bytes));
  const gone = random.chance(0.05);
  const sent = gone ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
  const intact = !gone && made.every((one) => one.intact);
  return { requests, intact, parts: split(sent, random), ending: gone ? random.pick(['end', 'reset']) : 'wait' };
}

/** One request in twenty is left as it is: the server shall have good ones to answer between the bad. */
function maybeMutated(random: Random, last: boolean): { readonly bytes: Buffer; readonly intact: boolean } {
  let request = validRequest(random);
  if (random.chance(0.05)) return { bytes: toBytes(request, last, random), intact: true };
  for (let times = random.chance(0.7) ? 1 : 2 + random.below(3); times > 0; times--) {
    if (random.chance(0.6)) request = { ...request, body: mutateBody(request.body, random) };
    else request = mutateHead(request, random);
  }
  const bytes = toBytes(request, last, random);
  return { bytes: random.chance(0.08) ? random.pick(BYTE_MUTATIONS)(bytes, random) : bytes, intact: false };
}

function toBytes({ verb, path, headers, body }: FuzzRequest, last: boolean, random: Random): Buffer {
  const chunked = random.chance(0.05);
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  lines.push(chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`);
  if (last) lines.push('Connection: close');
  const head = Buffer.from(`${verb} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return Buffer.concat([head, ...(chunked ? toChunks(body, random) : [body])]);
}

function toChunks(body: Buffer, random: Random): Buffer[] {
  const at = random.below(body.length + 1);
  const chunks = [body.subarray(0, at), body.subarray(at)].filter(({ length }) => length > 0);
  const written = chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, '\r\n']);
  return [...written, '0\r\n\r\n'].map((piece) => Buffer.from(piece));
}

function split(bytes: Buffer, random: Random): Buffer[] {
  if (random.chance(0.8)) return [bytes];
  const at = random.below(bytes.length + 1);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
