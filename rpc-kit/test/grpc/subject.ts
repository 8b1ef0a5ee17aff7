import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { pino } from 'pino';
import {
  CODES,
  type Code,
  defineService,
  fail,
  implement,
  int64,
  RpcError,
  type ServedCall,
  type Service,
  stream,
  timestamp,
  uint32,
} from 'rpc-kit';
import { createServiceCodec, type GrpcServer, type GrpcServerOptions, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { z } from 'zod';

/** Longer than any busy machine takes. */
const PATIENT_MS = 10_000;
const TEXT_MAX = 2_000_000;
const codes = Object.keys(CODES) as [Code, ...Code[]];

/** The service that the tests of the gRPC face call. */
export const subject = defineService(
  'subject',
  { summary: 'Is tested.', version: '1.0.0' },
  {
    echo: {
      summary: 'Gives back its params.',
      params: z.strictObject({
        text: z.string().max(TEXT_MAX).optional(),
        big: int64.optional(),
        at: timestamp.optional(),
        list: z.array(uint32).max(500_000),
      }),
      result: z.object({
        text: z.string().max(TEXT_MAX).optional(),
        big: int64.optional(),
        at: timestamp.optional(),
        list: z.array(uint32).max(500_000),
      }),
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: { text: 'hello', list: [] }, result: { text: 'hello', list: [] } },
    },
    refuse: {
      summary: 'Fails with a code.',
      params: z.strictObject({ code: z.enum(codes), retryAfterMs: uint32.optional() }),
      result: z.object({}),
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: { code: 'not_found' }, result: {} },
    },
    sell: {
      summary: 'Fails with typed details.',
      params: z.strictObject({ missing: uint32 }),
      result: z.object({}),
      errors: {
        out_of_stock: {
          code: 'failed_precondition',
          message: 'Not enough',
          details: z.object({ orderID: int64, missing: z.array(uint32).max(10_000) }),
        },
      },
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: { missing: 1 }, result: {} },
    },
    wait: {
      summary: 'Answers when the test says so.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: PATIENT_MS,
      reads: true,
      priority: 'low',
      example: { params: {}, result: {} },
    },
    count: {
      summary: 'Gives numbers.',
      params: z.strictObject({ to: uint32 }),
      result: stream(z.object({ number: uint32 })),
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: { to: 3 }, result: { number: 1 } },
    },
  },
);

export interface SubjectParts {
  /** Answers `wait`; by default never. */
  readonly wait?: (call: ServedCall) => Promise<Record<string, never>>;
  readonly onCall?: (call: ServedCall) => void;
}

export function createSubject({ wait, onCall }: SubjectParts = {}): Service {
  return implement(subject, {
    async echo(params, call) {
      onCall?.(call);
      return params;
    },
    async refuse({ code, retryAfterMs }) {
      throw new RpcError(code, `It is ${code}: 100 % 🚀`, retryAfterMs === undefined ? {} : { retryAfterMs });
    },
    async sell({ missing }) {
      const details = { orderID: 2n ** 60n, missing: Array.from({ length: missing }, (_, index) => index + 1) };
      throw fail(subject.methods.sell, 'out_of_stock', details);
    },
    wait: (_params, call) => {
      onCall?.(call);
      return wait?.(call) ?? new Promise(() => {});
    },
    async *count({ to }, call) {
      for (let number = 1; number <= to; number++) yield { number };
      // 0 never ends by itself.
      if (to === 0) {
        yield { number: 0 };
        await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
      }
    },
  });
}

export const codec = createServiceCodec(subject, updateLock({ package: 'test', services: {} }, [subject]));

export function serveSubject(parts: SubjectParts = {}, options: Partial<GrpcServerOptions> = {}): Promise<GrpcServer> {
  const logger = pino({ level: 'silent' });
  return serveGrpc(createSubject(parts), { port: 0, host: '127.0.0.1', logger, codec, ...options });
}

const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...codec.files] }));
export const subjectService = registry.getService(codec.serviceName) as NonNullable<
  ReturnType<typeof registry.getService>
>;

export function messageOf(name: string): DescMessage {
  const found = registry.getMessage(`test.subject.v1.${name}`);
  if (!found) throw new TypeError(`There is no message ${name}`);
  return found;
}

/** Messages as protobuf-es itself reads and writes them, not the codec that is tested elsewhere. */
export const encode = (desc: DescMessage, value: Record<string, unknown>): Buffer =>
  Buffer.from(toBinary(desc, create(desc, value as never)));
export const decode = (desc: DescMessage, bytes: Uint8Array): MessageShape<DescMessage> => fromBinary(desc, bytes);
