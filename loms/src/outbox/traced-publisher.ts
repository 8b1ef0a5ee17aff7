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
    async publish(events, context) {
      const spans = events.map((event) => startCarriedSpan(`send ${topic}`, event, options));
      const fail = (eventID: string, error: unknown): void => {
        const span = spans[events.findIndex((event) => event.eventID === eventID)];
        span?.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
        span?.setStatus({ code: SpanStatusCode.ERROR });
      };
      try {
        const traced = events.map((event, index) => {
          const span = spans[index];
          return span ? { ...event, ...toTraceContext(span) } : event;
        });
        const failed = await publisher.publish(traced, context);
        for (const { event, error } of failed) fail(event.eventID, error);
        return failed;
      } catch (error) {
        for (const { eventID } of events) fail(eventID, error);
        throw error;
      } finally {
        for (const span of spans) span?.end();
      }
    },
  };
}
