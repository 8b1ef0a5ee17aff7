import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import { RpcError, storableText } from 'rpc-kit';
import { writeAnswer } from 'rpc-kit/http-server';
import { prefersProblem, RestError, toProblem, toRestAnswer } from '../rest-error.ts';
import { LIMITS } from './body.ts';
import { exchangeOf } from './exchange.ts';

export interface ErrorOptions {
  readonly logger: Logger;
  /** Whether connections close with their next answer. */
  readonly closing: () => boolean;
}

export type SendError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Answers every failure in one shape, also where Fastify itself refuses a request. */
export function createSendError({ logger, closing }: ErrorOptions): SendError {
  return async (error, request, reply) => {
    const exchange = exchangeOf(request.raw);
    const { statuses } = request.routeOptions.config as { statuses?: Readonly<Record<string, number>> };
    const found = toRestAnswer(toKnown(error), exchange.requestId, statuses);
    exchange.code = found.error.code;
    exchange.reason = found.error.reason;
    if (found.isHidden) logHidden(logger, error, exchange.route);
    const isProblem = prefersProblem(request.headers.accept);
    const type = isProblem ? 'application/problem+json' : 'application/json';
    // Writes also where the body was not read, which Fastify would answer with a reset connection.
    reply.hijack();
    await writeAnswer(
      request.raw,
      reply.raw,
      {
        status: found.status,
        headers: { ...found.headers, 'cache-control': 'no-store', 'content-type': type },
        body: isProblem ? toProblem(found) : { error: found.error },
      },
      new Map(Object.entries({ 'x-request-id': exchange.requestId, ...reply.getHeaders() }) as [string, string][]),
      { limits: LIMITS, closing },
    );
  };
}

/** While a service is unavailable, each of its requests has this line: a stack would say nothing more. */
function logHidden(logger: Logger, error: unknown, route: string): void {
  if (!(error instanceof RpcError) || error.code === 'internal') {
    logger.error({ err: error, route }, 'a request failed');
    return;
  }
  const { code, reason, message: why, cause } = error;
  const because = cause instanceof Error ? cause.message : undefined;
  logger.warn({ route, code, reason, why, because }, 'a request failed');
}

/** Fastify's own refusals (https://fastify.dev/docs/latest/Reference/Errors/) and zod's, as ours. */
function toKnown(error: unknown): unknown {
  if (error instanceof RpcError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) return toInvalidParams(error);
  switch ((error as FastifyError).code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new RestError(415, 'invalid_request', 'Send the body as Content-Type: application/json');
    // Longer than any id.
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return notFound();
    case 'FST_ERR_BAD_URL':
      return new RestError(400, 'invalid_request', 'The path is not percent-encoded UTF-8');
    default:
      return isRefusal(error) ? new RestError(400, 'invalid_request', 'The request is malformed') : error;
  }
}

/** Of Fastify and its plugins; a path that leaves the files of /docs is refused with 403. */
function isRefusal(error: unknown): boolean {
  const { statusCode = 500 } = error as FastifyError;
  return statusCode >= 400 && statusCode < 500;
}

/** Enough to correct a request; a message may quote names that the client chose. */
const ISSUES_MAX = 20;
const ISSUE_LENGTH_MAX = 200;

function toInvalidParams(error: { validation: { instancePath: string; message?: string }[] } & object): RestError {
  // A path that no resource can have is the address of none.
  if ((error as FastifyError).validationContext === 'params') return notFound();
  const issues = error.validation.slice(0, ISSUES_MAX).map(({ instancePath, message = '' }) => ({
    path: storableText(instancePath.slice(1), ISSUE_LENGTH_MAX),
    message: storableText(message, ISSUE_LENGTH_MAX),
  }));
  const [first] = issues;
  const where = first?.path ? `${first.path}: ` : '';
  return new RestError(400, 'invalid_params', `Invalid params: ${where}${first?.message}`, { details: { issues } });
}

export function notFound(): RestError {
  return new RestError(404, 'not_found', 'Nothing is at this address; /docs lists what there is');
}
