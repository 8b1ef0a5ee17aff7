import type { Random } from './random.ts';

/** Makes something else of bytes, whatever they mean. */
export type ByteMutation = (bytes: Buffer, random: Random) => Buffer;

const INTERESTING = [
  0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xed, 0xff,
];

const flipBits: ByteMutation = (bytes, random) => {
  const changed = Buffer.from(bytes);
  for (let flips = 1 + random.below(4); flips > 0 && bytes.length > 0; flips--) {
    const at = random.below(bytes.length);
    changed[at] = (changed[at] as number) ^ (1 << random.below(8));
  }
  return changed;
};

const overwrite: ByteMutation = (bytes, random) => {
  const changed = Buffer.from(bytes);
  if (bytes.length > 0) changed[random.below(bytes.length)] = random.pick(INTERESTING);
  return changed;
};

const truncate: ByteMutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1));

const duplicate: ByteMutation = (bytes, random) => {
  const [from, to] = range(bytes, random);
  const again = Array.from({ length: 1 + random.below(4) }, () => bytes.subarray(from, to));
  return Buffer.concat([bytes.subarray(0, to), ...again, bytes.subarray(to)]);
};

const remove: ByteMutation = (bytes, random) => {
  const [from, to] = range(bytes, random);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const insert: ByteMutation = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  const inserted = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256)));
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
};

function range(bytes: Buffer, random: Random): [number, number] {
  const from = random.below(bytes.length + 1);
  return [from, from + random.below(bytes.length - from + 1)];
}

export const BYTE_MUTATIONS: readonly ByteMutation[] = [flipBits, overwrite, truncate, duplicate, remove, insert];
