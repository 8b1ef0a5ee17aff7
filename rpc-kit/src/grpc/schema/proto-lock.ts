import * as z from 'zod';
import type { ServiceContract } from '../../contract.ts';

const numberedType = z
  .strictObject({
    /** By the contract's member of a message, or value of an enum. */
    numbers: z.record(z.string(), z.int().positive()),
    /** By number, the members or values that no longer exist. */
    reserved: z.record(z.string().regex(/^[1-9]\d*$/), z.string()).optional(),
  })
  // Two branches may both give the next number, and their merge keeps both.
  .superRefine(({ numbers, reserved = {} }, { addIssue }) => {
    const all = [...Object.keys(reserved).map(Number), ...Object.values(numbers)];
    const twice = all.find((number, index) => all.indexOf(number) < index);
    if (twice !== undefined) addIssue(`the number ${twice} is given twice: take the newer member out of the file`);
  });
const serviceLock = z.strictObject({
  messages: z.record(z.string(), numberedType),
  enums: z.record(z.string(), numberedType),
});

const protoLock = z.strictObject({
  /** The first part of all package names: `ordermesh` in `ordermesh.loms.v1`. */
  package: z.string().regex(/^[a-z][a-z0-9]*$/),
  services: z.record(z.string(), serviceLock),
});
/** The numbers of all fields and enum values: given once, never moved. `updateLock` adds the numbers of new ones. */
export type ProtoLock = z.output<typeof protoLock>;
export type ServiceLock = z.output<typeof serviceLock>;
export type NumberedType = z.output<typeof numberedType>;

/**
 * The lock file of a text.
 * @throws {Error} for a text that is no lock file
 */
export function parseProtoLock(text: string): ProtoLock {
  return protoLock.parse(JSON.parse(text));
}

/** @throws {TypeError} for a contract without numbers */
export function serviceLockOf(contract: ServiceContract, lock: ProtoLock): ServiceLock {
  const found = lock.services[contract.name];
  if (!found)
    throw new TypeError(`The lock file has no service ${contract.name}: update it by updateLock or rpc-kit proto`);
  return found;
}

/** @throws {TypeError} for a member or value without a number */
export function numberOf(types: ServiceLock['messages'], type: string, member: string): number {
  const { numbers = {} } = types[type] ?? {};
  const number = Object.hasOwn(numbers, member) ? numbers[member] : undefined;
  if (number === undefined)
    throw new TypeError(
      `The lock file has no number for ${member} of ${type}: update it by updateLock or rpc-kit proto`,
    );
  return number;
}
