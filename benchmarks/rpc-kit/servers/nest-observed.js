import { context } from '@opentelemetry/api';
import { map, Observable, tap } from 'rxjs';
import { schemas } from '../work.ts';
import { startNest } from './nest-app.js';
import { ZodPipe } from './nest-zod.js';
import { createTelemetry, OBSERVED_FASTIFY } from './observed.js';

/** One global interceptor for log line, histogram and span. */
class CallInterceptor {
  constructor(startCall) {
    this.startCall = startCall;
  }
  intercept(execution, next) {
    const { id, headers } = execution.switchToHttp().getRequest();
    const call = this.startCall(execution.getHandler().name, id, headers);
    return new Observable((subscriber) => context.with(call.context, () => next.handle().subscribe(subscriber))).pipe(
      tap({ complete: () => call.end(200), error: (error) => call.end(error.status ?? 500) }),
    );
  }
}

/** As nestjs-zod checks results. */
class ZodResultInterceptor {
  intercept(execution, next) {
    const { result } = schemas[execution.getHandler().name];
    return next.handle().pipe(map((value) => result.parse(value)));
  }
}

/**
 * NestJS on Fastify with the same things on as rpc-kit. The log line is Fastify's pino, which costs less than nestjs-pino: that one
 * serializes request and response into each line.
 */
export function start() {
  const { logger, startCall } = createTelemetry();
  return startNest({
    fastifyOptions: { ...OBSERVED_FASTIFY, loggerInstance: logger },
    pipes: {
      createOrder: [new ZodPipe(schemas.createOrder.params)],
      stocks: [new ZodPipe(schemas.stocks.params)],
    },
    globalInterceptors: [new CallInterceptor(startCall), new ZodResultInterceptor()],
    onRequest(request, reply, done) {
      reply.header('x-request-id', request.id);
      done();
    },
  });
}
