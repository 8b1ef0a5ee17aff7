import { frameMessage } from '../framing.ts';
import { HEALTH_SERVICE } from '../metadata.ts';
import { vendoredCodec } from '../schema/vendored.ts';
import { resultOf } from './answer.ts';
import { exchange } from './exchange.ts';
import type { SessionPool } from './session-pool.ts';

const RESPONSE = vendoredCodec('grpc.health.v1.HealthCheckResponse');
/** An empty request asks for the whole server. */
const REQUEST_FRAME = frameMessage(vendoredCodec('grpc.health.v1.HealthCheckRequest').encode({ service: '' }));
/** The answer is a number. */
const ANSWER_BYTES_MAX = 1_024;

/** `grpc.health.v1.Health/Check` (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): whether the peer serves. */
export async function askHealth(
  pool: SessionPool,
  fixedHeaders: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await exchange(pool, {
    peer: 'the peer',
    headers: [':path', `/${HEALTH_SERVICE}/Check`, ...fixedHeaders],
    frame: REQUEST_FRAME,
    signal,
    deadlineAt: Number.POSITIVE_INFINITY,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  const reader = { result: RESPONSE, details: new Map() };
  const { status } = (await resultOf(answer, reader, ANSWER_BYTES_MAX)) as { readonly status: string };
  return status === 'SERVING';
}
