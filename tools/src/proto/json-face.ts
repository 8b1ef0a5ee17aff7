import {
  type MethodContract,
  parseJson,
  resultSchemaOf,
  type ServiceContract,
  streamOf,
  stringifyJson,
  wireSchema,
} from 'rpc-kit';
import type { Schema } from './schema-refusals.ts';

/** What callers of the JSON faces depend on, as plain data, so that a release can be kept in a file. */
export interface JsonFace {
  /** By the names of service and method: `loms.createOrder`. */
  readonly methods: Readonly<Record<string, MethodFace>>;
  /** By the names of service and event. */
  readonly events: Readonly<Record<string, Schema>>;
}

export interface MethodFace {
  readonly params: Schema;
  /** Of a stream, one item. */
  readonly result: Schema;
  readonly isStream: boolean;
  readonly reads: boolean;
  readonly callers: readonly string[];
  readonly positions: readonly string[];
  readonly errors: Readonly<Record<string, { readonly code: string; readonly details?: Schema | undefined }>>;
}

/** One line for each method and event, so that differences can be read. */
export function stringifyJsonFace(contracts: readonly ServiceContract[]): string {
  const methods = contracts.flatMap(({ name, methods }) => linesOf(name, methods, toMethodFace));
  const events = contracts.flatMap(({ name, events = {} }) =>
    linesOf(name, events, ({ schema }) => wireSchema(schema)),
  );
  return `{"methods": {\n${methods.join(',\n')}\n},\n"events": {\n${events.join(',\n')}\n}}\n`;
}

function linesOf<T>(service: string, members: Readonly<Record<string, T>>, toFace: (member: T) => unknown): string[] {
  return Object.entries(members).map(
    ([name, member]) => `${stringifyJson(`${service}.${name}`)}: ${stringifyJson(toFace(member))}`,
  );
}

export function parseJsonFace(text: string): JsonFace {
  return parseJson(text) as JsonFace;
}

function toMethodFace(method: MethodContract): MethodFace {
  const errors = Object.entries(method.errors ?? {}).map(
    ([reason, { code, details }]) => [reason, { code, details: details && wireSchema(details) }] as const,
  );
  return {
    params: wireSchema(method.params),
    result: wireSchema(resultSchemaOf(method)),
    isStream: streamOf(method) !== undefined,
    reads: method.reads ?? false,
    callers: method.access?.callers ?? [],
    positions: method.positions ?? [],
    errors: Object.fromEntries(errors),
  };
}
