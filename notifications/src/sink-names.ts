import type { SinkName } from './domain/delivery-ports.ts';

export interface SinkSettings {
  readonly JOURNAL_FILE?: string | undefined;
  readonly WEBHOOK_URL?: string | undefined;
}

/** The sinks that each notification is queued for. */
export function configuredSinks({ JOURNAL_FILE, WEBHOOK_URL }: SinkSettings): SinkName[] {
  const sinks: SinkName[] = [];
  if (JOURNAL_FILE !== undefined) sinks.push('journal');
  if (WEBHOOK_URL !== undefined) sinks.push('webhook');
  return sinks;
}
