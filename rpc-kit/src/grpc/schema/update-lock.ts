import type { ServiceContract } from '../../contract.ts';
import type { EnumModel, MessageModel } from './message-model.ts';
import type { NumberedType, ProtoLock, ServiceLock } from './proto-lock.ts';
import { toServiceModel } from './service-model.ts';

/** Protobuf keeps 19000 to 19999 for itself; a message with that many fields is a mistake. */
const NUMBER_MAX = 18_999;

/**
 * The lock with numbers for all that the contracts declare now. Known numbers stay, new members and values get the next one, and those
 * of removed ones are reserved. A type that no longer exists keeps its entry, so that it has the same numbers if it returns.
 */
export function updateLock(lock: ProtoLock, contracts: readonly ServiceContract[]): ProtoLock {
  const services = { ...lock.services };
  for (const contract of contracts) {
    services[contract.name] = updateService(services[contract.name] ?? { messages: {}, enums: {} }, contract);
  }
  return { package: lock.package, services };
}

function updateService(lock: ServiceLock, contract: ServiceContract): ServiceLock {
  const messages = { ...lock.messages };
  const enums = { ...lock.enums };
  const add = (scope: { readonly messages: readonly MessageModel[]; readonly enums: readonly EnumModel[] }): void => {
    for (const { name, values } of scope.enums) enums[name] = updateType(name, enums[name], [...values.keys()]);
    for (const message of scope.messages) {
      const members = message.fields.map(({ member }) => member);
      messages[message.name] = updateType(message.name, messages[message.name], members);
      add(message);
    }
  };
  add(toServiceModel(contract));
  return { messages, enums };
}

function updateType(name: string, known: NumberedType = { numbers: {} }, members: readonly string[]): NumberedType {
  const reserved = { ...known.reserved };
  const numbers: Record<string, number> = {};
  for (const [member, number] of Object.entries(known.numbers)) {
    if (members.includes(member)) numbers[member] = number;
    else reserved[number] = member;
  }
  let last = Math.max(0, ...Object.values(numbers), ...Object.keys(reserved).map(Number));
  for (const member of members) {
    if (Object.hasOwn(numbers, member)) continue;
    last += 1;
    if (last > NUMBER_MAX) throw new TypeError(`${name} needs a number above ${NUMBER_MAX} for ${member}`);
    numbers[member] = last;
  }
  return Object.keys(reserved).length === 0 ? { numbers } : { numbers, reserved };
}
