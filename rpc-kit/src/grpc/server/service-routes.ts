import { AnswerTooLarge } from '../../http/server/answer.ts';
import type { Service } from '../../server.ts';
import { priorityOf } from '../../serving/load-shedding.ts';
import type { MethodCodec, ServiceCodec } from '../schema/service-codec.ts';
import type { GrpcMetrics, GrpcServerMetrics } from './grpc-metrics.ts';
import type { CallRoute } from './router.ts';

interface ServiceRoutesParts {
  readonly codec: ServiceCodec;
  readonly answerBytesMax: number;
  readonly metrics: GrpcMetrics;
  readonly shedOf: GrpcServerMetrics['shedOf'];
}

/** The methods of a service by path. */
export function serviceRoutes(service: Service, parts: ServiceRoutesParts): ReadonlyMap<string, CallRoute> {
  const routes = new Map<string, CallRoute>();
  for (const [path, method] of parts.codec.methods) {
    const contract = service.contract.methods[method.name];
    if (!contract)
      throw new TypeError(`${path} is no method of ${service.contract.name}: create the codec from its contract`);
    routes.set(path, {
      kind: 'call',
      isStream: method.isStream,
      answers: parts.metrics.answersOf(path),
      priority: priorityOf({ contract }),
      shed: parts.shedOf(method.name),
      details: method.details,
      execute: createExecute(service, method, parts.answerBytesMax),
    });
  }
  return routes;
}

function createExecute(
  service: Service,
  { name: method, params, result, isStream }: MethodCodec,
  answerBytesMax: number,
): CallRoute['execute'] {
  const { name } = service.contract;

  const encode = (value: unknown): Uint8Array => {
    const bytes = result.encode(value);
    if (bytes.length > answerBytesMax) throw new AnswerTooLarge(answerBytesMax);
    return bytes;
  };
  return async (message, { metadata, caller, answerHeaders, emit }) => {
    const { requestId, deadlineAt, traceparent, tracestate, baggage } = metadata;
    // Each member is named, which is faster than a copy of the metadata.
    const call = {
      service: name,
      method,
      params: params.decode(message),
      deadlineAt,
      requestId,
      traceparent,
      tracestate,
      baggage,
      caller: metadata.caller,
      answerHeaders,
      emit: isStream ? (item: unknown) => emit(encode(item)) : undefined,
    };
    const value = await service.call(call, caller);
    return isStream ? undefined : encode(value);
  };
}
