import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type SentMeta, toMetaText } from './sent-metadata.ts';

describe('The meta of a batched call', () => {
  it('is the same text that JSON.stringify writes, whatever the values are', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"', '\\', '\t', '\ud800', 'é', '\x7f'),
    );
    const optional = fc.option(text, { nil: undefined });
    const meta = fc.record<SentMeta>({
      requestId: text,
      deadlineMs: fc.option(fc.nat(), { nil: undefined }),
      traceparent: optional,
      tracestate: optional,
      baggage: optional,
      idempotencyKey: optional,
    });
    fc.assert(fc.property(meta, (sent) => assert.equal(toMetaText(sent), JSON.stringify(sent))));
  });
});
