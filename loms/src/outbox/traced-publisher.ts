import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { toTraceContext } from 'rpc-kit';
import { startCarriedSpan } from 'service-kit';
import type { EventPublisher } from './event.ts';

/**
 * Gives each event that is sent to the topic a span, below the call that changed its order, until Kafka has stored it; its
 * consumer's spans go below it (https://opentelemetry.io/docs/specs/semconv/messaging/kafka/).
 */
export function tracePublisher<Publisher extends EventPublisher>(publisher: Publisher, topic: string): Publisher {
  const attributes = {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
  };
  const options = { kind: SpanKind.PRODUCER, attributes };
  return {
    ...publisher,
    async publish(event, context) {
      const span = startCarriedSpan(`send ${topic}`, event, options);
      if (!span) return publisher.publish(event, context);
      try {
        await publisher.publish({ ...event, ...toTraceContext(span) }, context);
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
