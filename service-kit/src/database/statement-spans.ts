import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { sqlStateOf } from './database-errors.ts';

const tracer = trace.getTracer('service-kit');

/**
 * A span with the statement's name, without its text and values, by OpenTelemetry's semantic conventions for databases
 * (https://opentelemetry.io/docs/specs/semconv/db/postgresql/). Only below another span: background polling would start a
 * trace several times a second.
 */
export async function inStatementSpan<T>(name: string, run: () => Promise<T>): Promise<T> {
  if (!trace.getActiveSpan()?.isRecording()) return run();
  const attributes = { 'db.system.name': 'postgresql', 'db.query.summary': name };
  const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes });
  try {
    return await run();
  } catch (error) {
    const sqlState = sqlStateOf(error) ?? sqlStateOf((error as Error).cause);
    if (sqlState !== undefined) span.setAttribute('db.response.status_code', sqlState);
    span.setAttribute('error.type', sqlState ?? (error instanceof Error ? error.name : 'unknown'));
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
