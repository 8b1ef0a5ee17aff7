import type { Dialect } from './dialects.ts';

export interface ServerContender {
  /** For `--only` and `--profile`. */
  readonly name: string;
  readonly title: string;
  /** Its file in `servers/`, or the URL of one elsewhere. */
  readonly file: string;
  /** What its `start` is given. */
  readonly variant?: string;
  readonly dialect: Dialect;
  readonly validates: 'params, result' | 'params' | 'no';
  /** Calls in each of its requests, if they are batches. */
  readonly batch?: number;
  readonly ours?: boolean;
  /** For the reader of the figures. */
  readonly note?: string;
}

/** The first is the baseline. */
export const SERVERS = [
  { name: 'node', title: 'bare node:http', file: 'node-http.ts', dialect: 'plain', validates: 'no' },
  {
    name: 'rpc',
    title: '**rpc-kit, everything on, `/rpc`**',
    file: 'rpc-kit.ts',
    dialect: 'json-rpc',
    validates: 'params, result',
    ours: true,
  },
  {
    name: 'plain',
    title: '**rpc-kit, everything on, plain face**',
    file: 'rpc-kit.ts',
    dialect: 'plain',
    validates: 'params, result',
    ours: true,
  },
  { name: 'jayson', title: "jayson's HTTP server", file: 'jayson.ts', dialect: 'json-rpc', validates: 'no' },
  {
    name: 'fastify',
    title: 'Fastify, JSON schemas',
    file: 'fastify.js',
    dialect: 'plain',
    validates: 'params',
    note: "Fastify: the reply's schema serializes the reply and does not check it.",
  },
  {
    name: 'fastify-same',
    title: 'Fastify, the same things on',
    file: 'fastify-observed.js',
    dialect: 'plain',
    validates: 'params, result',
  },
  {
    name: 'nest-same',
    title: 'NestJS on Fastify, the same things on',
    file: 'nest-observed.js',
    dialect: 'plain',
    validates: 'params, result',
    note: "The same things on: one pino line a call with the ids of its trace, prom-client's histogram, an OpenTelemetry span sampled at 1 %, params and result validated (Fastify by ajv, NestJS by zod).",
  },
  {
    name: 'nest',
    title: 'NestJS on Fastify, class-validator',
    file: 'nest-class-validator.js',
    dialect: 'plain',
    validates: 'params',
  },
  {
    name: 'nest-zod',
    title: 'NestJS on Fastify, zod pipe',
    file: 'nest-zod.js',
    dialect: 'plain',
    validates: 'params',
  },
  {
    name: 'trpc',
    title: 'tRPC, standalone adapter, zod',
    file: 'trpc.js',
    dialect: 'trpc',
    validates: 'params, result',
  },
  {
    name: 'connect',
    title: 'Connect, JSON over HTTP/1.1',
    file: 'connect.js',
    dialect: 'connect',
    validates: 'params',
    note: 'Connect and gRPC: protobuf checks the types; the handler checks the ranges, which protobuf cannot express.',
  },
  {
    name: 'moleculer',
    title: 'Moleculer, moleculer-web gateway',
    file: 'moleculer.js',
    dialect: 'plain',
    validates: 'params',
    note: 'Moleculer: the HTTP gateway and a validated action in one process, without a transporter in between.',
  },
  {
    name: 'grpc',
    title: '@grpc/grpc-js, unary',
    file: 'grpc.js',
    dialect: 'grpc',
    validates: 'params',
    note: 'gRPC: HTTP/2 and protobuf cannot be sent by the load generator of the others; its own client, which needs far more time a call, sends the load, so its throughput is partly that of its client. Its CPU time is its own.',
  },
] as const satisfies readonly ServerContender[];

/** As many calls as a client of rpc-kit puts into one batch. */
const BATCH = 50;

/** JSON-RPC batches. The first is the baseline. */
export const BATCHES = [
  {
    name: 'jayson-batch',
    title: "jayson's HTTP server",
    file: 'jayson.ts',
    dialect: 'json-rpc',
    validates: 'no',
    batch: BATCH,
  },
  {
    name: 'rpc-batch',
    title: '**rpc-kit, everything on, `/rpc`**',
    file: 'rpc-kit.ts',
    dialect: 'json-rpc',
    validates: 'params, result',
    batch: BATCH,
    ours: true,
  },
] as const satisfies readonly ServerContender[];

/** What `--ablate` measures: rpc-kit's server with one part taken away at a time, and on another server. The first is the baseline. */
export const ABLATION: readonly ServerContender[] = [
  SERVERS[0],
  ...(['plain', 'rpc'] as const).flatMap((face) =>
    [
      ['everything on', ''],
      ['without logging', 'logging'],
      ['without tracing', 'tracing'],
      ['without metrics', 'metrics'],
      ['without validation of results', 'results'],
      ['no interceptors', 'tracing,metrics,logging'],
    ].map(([title = '', variant = '']): ServerContender => {
      const faced = SERVERS.find(({ name }) => name === face) ?? SERVERS[0];
      const name = variant === '' ? face : `${face}-without-${variant.replaceAll(',', '-')}`;
      return { ...faced, name, title: `${face === 'rpc' ? '`/rpc`' : 'plain face'}, ${title}`, variant };
    }),
  ),
  {
    name: 'plain-on-fastify',
    title: 'plain face, everything on, mounted on Fastify',
    file: 'rpc-kit-on-fastify.ts',
    dialect: 'plain',
    validates: 'params, result',
  },
];

/** rpc-kit's servers of an earlier commit, whose files are in the folder. */
export function earlierServers(ref: string, folder: URL): readonly ServerContender[] {
  const { href: file } = new URL('benchmarks/rpc-kit/servers/rpc-kit.ts', folder);
  return [...SERVERS, ...BATCHES]
    .filter((contender: ServerContender) => contender.ours)
    .map((contender) => ({
      ...contender,
      name: `${contender.name}-before`,
      title: `${contender.title.replaceAll('*', '')}, at ${ref}`,
      file,
    }));
}

export interface ClientContender {
  readonly name: string;
  readonly title: string;
  readonly ours?: boolean;
  /** It is left out if its calls do not travel in batches. */
  readonly batches?: boolean;
}

/** The first is the baseline. */
export const CLIENTS = [
  { name: 'undici', title: 'bare undici' },
  { name: 'client-rpc', title: '**rpc-kit, single calls, `/rpc`**', ours: true },
  { name: 'client-plain', title: '**rpc-kit, single calls, plain face**', ours: true },
  { name: 'client-metrics', title: 'rpc-kit, single calls, `/rpc`, clientMetrics', ours: true },
  { name: 'client-batched', title: '**rpc-kit, micro-batched, `/rpc`**', ours: true, batches: true },
] as const satisfies readonly ClientContender[];

export type ClientName = (typeof CLIENTS)[number]['name'];
