import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Against hanging: the SDK takes a quarter of a second to load. */
const TIMEOUT_MS = 60_000;

/** The SDK registers itself for the whole process, so it gets one of its own. */
const SPANS = `
import { context, trace } from '@opentelemetry/api';
import { pino } from 'pino';
import { startTracing } from ${JSON.stringify(new URL('tracing.ts', import.meta.url).href)};

const before = trace.getTracer('before the SDK');
// Port 9 of the loopback: nothing listens there.
const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', TRACES_SAMPLED_RATIO: 0.25 };
await using tracing = await startTracing('test', '1', settings, pino({ level: 'silent' }));
const recorded = (tracer) =>
  Array.from({ length: 4_000 }, () => tracer.startSpan('root')).filter((span) => span.isRecording());
const [root] = recorded(before);
const child = before.startSpan('child', {}, trace.setSpan(context.active(), root));
console.log(JSON.stringify({
  before: recorded(before).length,
  after: recorded(trace.getTracer('after it')).length,
  sameTrace: child.isRecording() && child.spanContext().traceId === root.spanContext().traceId,
}));
`;

describe('tracing of a service', () => {
  it('records the ratio of traces with each tracer, also with one from before the start', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', SPANS], {
      cwd: import.meta.dirname,
      timeout: TIMEOUT_MS,
    });
    const { before, after, sameTrace } = JSON.parse(stdout);
    // Ten standard deviations of 27 around 1,000. Deciding twice by different ids would record 250.
    for (const count of [before, after]) assert.ok(count > 730 && count < 1_270, stdout);
    assert.ok(sameTrace);
  }).timeout(TIMEOUT_MS);
});
