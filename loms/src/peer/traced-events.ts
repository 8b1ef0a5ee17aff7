import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { toTraceContext } from 'rpc-kit';
import { startCarriedSpan } from 'service-kit';
import type { EventSink } from '../domain/ports.ts';

/**
 * A span for each event that is sent to the topic, below the call that changed its order, until Kafka has it; what takes the
 * event goes on below it (https://opentelemetry.io/docs/specs/semconv/messaging/kafka/).
 */
export function traceEvents<Sink extends EventSink>(sink: Sink, topic: string): Sink {
  const attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
  };
  const options = { kind: SpanKind.PRODUCER, attributes };
  return {
    ...sink,
    async deliver(event, context) {
      const span = startCarriedSpan(`send ${topic}`, event, options);
      if (!span) return sink.deliver(event, context);
      try {
        await sink.deliver({ ...event, ...toTraceContext(span) }, context);
      } catch (error) {
        span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    },
  };
}
