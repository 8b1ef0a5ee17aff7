import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { toTraceContext } from 'rpc-kit/tracing';
import { startCarriedSpan } from 'service-kit';
import type { EventPublisher } from './event.ts';

/** What the span of each event says. */
export interface EventSpans {
  readonly name: string;
  readonly attributes: Attributes;
}

/** By https://opentelemetry.io/docs/specs/semconv/messaging/kafka/. */
export const spansOfTopic = (topic: string): EventSpans => ({
  name: `send ${topic}`,
  attributes: {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
  },
});

/**
 * Gives each event of a batch a span, below the call that changed its order, until its receiver has stored it. The receiver's spans go
 * below it.
 */
export function tracePublisher<Publisher extends EventPublisher>(
  publisher: Publisher,
  { name, attributes }: EventSpans,
): Publisher {
  const options = { kind: SpanKind.PRODUCER, attributes };
  return {
    ...publisher,
    async publish(events, context) {
      const spans = events.map((event) => startCarriedSpan(name, event, options));
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
