import { z } from 'zod';
import type { ServiceContract } from '../../contract.ts';
import { parseJson, stringifyJson, toWireInteger } from '../../schema/json.ts';
import { openRpcDocument, PLACES } from '../openrpc.ts';
import { withReferences } from '../wire-schema.ts';
import type { Schema } from './schema-refusals.ts';

/** What callers of a service depend on when they call it by JSON, as plain data, so that it can be kept in a file. */
export interface ContractFace {
  readonly name: string;
  readonly version: string;
  readonly methods: Readonly<Record<string, MethodFace>>;
  readonly events: Readonly<Record<string, Schema>>;
}

export interface MethodFace {
  readonly params: Schema;
  /** Of a stream, one item. */
  readonly result: Schema;
  /** How the result comes: `one value`, `a stream`, or `a stream of ids "seq" that "after" resumes`. */
  readonly answer: string;
  readonly timeoutMs: number;
  readonly reads: boolean;
  readonly retry: string;
  readonly callers: readonly string[];
  readonly positions: readonly string[];
  readonly errors: Readonly<Record<string, { readonly code: string; readonly details?: Schema | undefined }>>;
}

const schema = z.record(z.string(), z.unknown());

/** The parts of an OpenRPC document of a service of rpc-kit that its callers depend on. */
const openRpc = z.object({
  openrpc: z.string(),
  info: z.object({ title: z.string(), version: z.string() }),
  methods: z.array(
    z.object({
      name: z.string(),
      params: z.array(z.object({ name: z.string(), required: z.boolean(), schema })),
      result: z.object({ schema }),
      'x-timeout-ms': z.number(),
      'x-reads': z.boolean(),
      'x-retry': z.string(),
      'x-callers': z.array(z.string()),
      'x-positions': z.array(z.string()).optional(),
      'x-stream': z.object({ id: z.string().optional(), resume: z.string().optional() }).optional(),
      'x-errors': z.array(z.object({ reason: z.string(), code: z.string(), details: schema.optional() })),
    }),
  ),
  components: z.object({ schemas: z.record(z.string(), schema).optional() }).optional(),
  'x-events': z.record(z.string(), z.object({ schema })).optional(),
});
type OpenRpcMethod = z.output<typeof openRpc>['methods'][number];

export function toContractFace(contract: ServiceContract): ContractFace {
  return parseOpenRpc(stringifyJson(openRpcDocument(contract)));
}

/**
 * The face of the service that an OpenRPC document describes.
 * @throws {SyntaxError} when the text is no JSON
 * @throws {z.ZodError} when it is no OpenRPC document of a service of rpc-kit
 */
export function parseOpenRpc(text: string): ContractFace {
  const { info, methods, components, 'x-events': events = {} } = openRpc.parse(parseJson(text));
  return {
    name: info.title,
    version: info.version,
    methods: Object.fromEntries(
      methods.map((method, index) => {
        const params = components?.schemas?.[`${method.name}Params`];
        return [method.name, toMethodFace(method, index, params && taken(params, PLACES.params(method.name)))];
      }),
    ),
    events: Object.fromEntries(
      Object.entries(events).map(([name, { schema }]) => [name, taken(schema, PLACES.event(name))]),
    ),
  };
}

/** A schema by itself, out of its place in the document. */
function taken(schema: Schema, place: string): Schema {
  return withReferences(schema, place, '#');
}

function toMethodFace(method: OpenRpcMethod, index: number, params: Schema | undefined): MethodFace {
  return {
    // Where the document has no schema of all params, the service refuses unknown ones.
    params: params ?? {
      type: 'object',
      properties: Object.fromEntries(method.params.map(({ name, schema }) => [name, schema])),
      required: method.params.filter(({ required }) => required).map(({ name }) => name),
      additionalProperties: false,
    },
    result: taken(method.result.schema, PLACES.result(index)),
    answer: answerOf(method['x-stream']),
    timeoutMs: method['x-timeout-ms'],
    reads: method['x-reads'],
    retry: method['x-retry'],
    callers: method['x-callers'],
    positions: method['x-positions'] ?? [],
    errors: Object.fromEntries(
      method['x-errors'].map(({ reason, code, details }, error) => [
        reason,
        details ? { code, details: taken(details, PLACES.details(index, error)) } : { code },
      ]),
    ),
  };
}

function answerOf(stream: OpenRpcMethod['x-stream']): string {
  if (!stream) return 'one value';
  const { id, resume } = stream;
  if (id === undefined) return 'a stream';
  return resume === undefined ? `a stream of ids "${id}"` : `a stream of ids "${id}" that "${resume}" resumes`;
}

/** One line for each method and event, so that differences between two files can be read. */
export function stringifyContractFaces(faces: readonly ContractFace[]): string {
  const texts = faces.map(
    ({ name, version, methods, events }) =>
      `{"name": ${stringifyJson(name)}, "version": ${stringifyJson(version)}, "methods": ${lines(methods)}, "events": ${lines(events)}}`,
  );
  return `[\n${texts.join(',\n')}\n]\n`;
}

function lines(members: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(members).map(
    ([name, member]) => `${stringifyJson(name)}: ${JSON.stringify(member, toWire)}`,
  );
  return texts.length === 0 ? '{}' : `{\n${texts.join(',\n')}\n}`;
}

function toWire(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? toWireInteger(value) : value;
}

export function parseContractFaces(text: string): ContractFace[] {
  return parseJson(text) as ContractFace[];
}
