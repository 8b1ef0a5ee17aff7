import { CODES } from '../code.ts';
import { callersOf, type MethodContract, retrySafetyOf, type ServiceContract } from '../contract.ts';
import { resultSchemaOf, streamOf } from '../stream.ts';
import { type DocumentedError, documentedErrors, REFUSALS, type Refusal, refusalsOfMethod } from './answer-table.ts';
import { type JsonSchema, wireSchema, withReferences } from './wire-schema.ts';

export interface OpenRpcMethod {
  readonly name: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly paramStructure: 'by-name' | 'either';
  readonly params: readonly { readonly name: string; readonly required: boolean; readonly schema: JsonSchema }[];
  readonly result: { readonly name: string; readonly schema: JsonSchema };
  readonly errors: readonly { readonly code: number; readonly message: string; readonly data?: unknown }[];
  readonly examples: readonly OpenRpcExample[];
  /** The services that may call it. */
  readonly 'x-callers': readonly string[];
  readonly 'x-timeout-ms': number;
  readonly 'x-reads': boolean;
  readonly 'x-retry': string;
  readonly 'x-positions'?: readonly string[] | undefined;
  readonly 'x-errors': readonly DocumentedError[];
  /** It answers with a stream of results, which are on the plain face only; by these they are resumed. */
  readonly 'x-stream'?: { readonly id?: string | undefined; readonly resume?: string | undefined };
  /** Refusals without a reason, by code, each with a sentence that says when. */
  readonly 'x-codes'?: MethodContract['codes'];
}

interface OpenRpcExample {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly value: unknown }[];
  readonly result: { readonly name: string; readonly value: unknown };
}

export interface OpenRpcDocument {
  readonly openrpc: string;
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly contact?: { readonly name: string };
  };
  readonly servers: readonly { readonly name: string; readonly url: string }[];
  readonly methods: readonly OpenRpcMethod[];
  /** `<method>Params`: the params as one schema, where the list of them does not say everything. */
  readonly components?: { readonly schemas: Readonly<Record<string, JsonSchema>> };
  /** Messages that the service publishes besides its answers, by name. */
  readonly 'x-events'?: Readonly<Record<string, { readonly summary: string; readonly schema: JsonSchema }>>;
}

/**
 * The contract as an OpenRPC 1.3 document (https://spec.open-rpc.org).
 * @param host the name and port by which the reader of the document reaches the service
 */
export function openRpcDocument(contract: ServiceContract, host = 'localhost'): OpenRpcDocument {
  const { name, version, summary, contact, methods, events } = contract;
  return {
    openrpc: '1.3.2',
    info: {
      title: name,
      version,
      description: summary,
      ...(contact ? { contact } : {}),
    },
    servers: [serverAt(host)],
    methods: Object.entries(methods).map(([method, facts], index) => toOpenRpcMethod(method, facts, index)),
    ...componentsOf(methods),
    ...(events ? { 'x-events': toOpenRpcEvents(events) } : {}),
  };
}

function toOpenRpcEvents(events: NonNullable<ServiceContract['events']>): NonNullable<OpenRpcDocument['x-events']> {
  return Object.fromEntries(
    Object.entries(events).map(([name, { summary, schema }]) => [
      name,
      { summary, schema: withReferences(wireSchema(schema), '#', PLACES.event(name)) },
    ]),
  );
}

/** Where schemas are in the document, as JSON Pointers. */
export const PLACES = {
  params: (method: string): string => `#/components/schemas/${method}Params`,
  result: (index: number): string => `#/methods/${index}/result/schema`,
  details: (index: number, error: number): string => `#/methods/${index}/x-errors/${error}/details`,
  event: (name: string): string => `#/x-events/${name}/schema`,
} as const;

/** The list of params cannot hold definitions, nor say that further params are allowed. */
function componentsOf(methods: ServiceContract['methods']): Pick<OpenRpcDocument, 'components'> {
  const schemas = Object.entries(methods).flatMap(([name, { params }]) => {
    const schema = withReferences(wireSchema(params), '#', PLACES.params(name));
    const isInList = schema.additionalProperties === false && !JSON.stringify(schema).includes('"$ref":');
    return isInList ? [] : [[`${name}Params`, schema]];
  });
  return schemas.length === 0 ? {} : { components: { schemas: Object.fromEntries(schemas) } };
}

/** An absolute URL, because OpenRPC's meta-schema refuses a relative one, although its text allows it. */
function serverAt(host: string, scheme = 'http', prefix = ''): OpenRpcDocument['servers'][number] {
  return { name: 'the server that this document comes from', url: `${scheme}://${host}${prefix}/rpc` };
}

/** The same document for a reader that reaches the service by another host. */
export function atHost(
  document: OpenRpcDocument,
  host: string | undefined,
  scheme = 'http',
  prefix = '',
): OpenRpcDocument {
  return host ? { ...document, servers: [serverAt(host, scheme, prefix)] } : document;
}

function toOpenRpcMethod(name: string, method: MethodContract, index: number): OpenRpcMethod {
  const params = withReferences(wireSchema(method.params), '#', PLACES.params(name));
  const stream = streamOf(method);
  const required = new Set(params.required as string[] | undefined);
  const properties = Object.entries((params.properties ?? {}) as Record<string, JsonSchema>);
  return {
    name,
    summary: method.summary,
    description: method.description,
    paramStructure: takesAllByPosition(method) ? 'either' : 'by-name',
    params: inOrder(properties, method.positions, required).map(([param, schema]) => ({
      name: param,
      required: required.has(param),
      schema,
    })),
    result: {
      name: `${name}Result`,
      schema: withReferences(wireSchema(resultSchemaOf(method)), '#', PLACES.result(index)),
    },
    errors: distinctCodes([
      ...refusalsOfMethod(method),
      ...(method.reads ? ofBatchedReads : []),
      ...(stream ? ofStreams : []),
    ]),
    examples: [
      {
        name: 'example',
        params: Object.entries(method.example.params).map(([param, value]) => ({ name: param, value })),
        result: { name: 'result', value: method.example.result },
      },
    ],
    'x-callers': callersOf(method),
    'x-timeout-ms': method.timeoutMs,
    'x-reads': method.reads ?? false,
    'x-retry': retrySafetyOf(method),
    'x-positions': method.positions,
    'x-errors': documentedErrors(method).map(({ details, ...error }, nr) => ({
      ...error,
      details: details && withReferences(details, '#', PLACES.details(index, nr)),
    })),
    ...(stream ? { 'x-stream': { id: stream.id, resume: stream.resume } } : {}),
    ...(method.codes ? { 'x-codes': method.codes } : {}),
  };
}

/** OpenRPC has one list of params for both structures, so it can offer positions only when they name every param. */
function takesAllByPosition({ params, positions }: MethodContract): boolean {
  return positions !== undefined && Object.keys(params.shape).every((name) => positions.includes(name));
}

/** Required params first, as OpenRPC requires; within both kinds, in their order by position. */
function inOrder<T>(
  entries: [string, T][],
  positions: readonly string[] | undefined = [],
  required: ReadonlySet<string>,
): [string, T][] {
  const rank = (name: string): number => (positions.includes(name) ? positions.indexOf(name) : positions.length);
  const need = (name: string): number => (required.has(name) ? 0 : 1);
  return entries.toSorted(([a], [b]) => need(a) - need(b) || rank(a) - rank(b));
}

const ofBatchedReads = REFUSALS.filter(({ to }) => to === 'batched reads');
const ofStreams = REFUSALS.filter(({ to }) => to === 'streams on /rpc');

/** OpenRPC requires one entry for each code: its data holds the reasons, `x-errors` their details. */
function distinctCodes(refusals: readonly Refusal[]) {
  const byCode = Map.groupBy(
    refusals.filter(({ to, ofCalls = to === 'every call' }) => ofCalls),
    ({ code }) => code,
  );
  return [...byCode].map(([code, those]) => {
    const reasons = those.flatMap(({ reason }) => reason ?? []);
    return {
      code: CODES[code].jsonRpc,
      message: [...new Set(those.map(({ when }) => when))].join(' · '),
      data: { code, ...(reasons.length > 0 ? { reasons } : {}) },
    };
  });
}
