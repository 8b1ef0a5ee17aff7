import type { MethodContract } from '../contract.ts';
import { eventText } from '../http/event-text.ts';
import { streamOf } from '../stream.ts';

/** The example of an item as the event that brings it. */
export function exampleEvent(method: Pick<MethodContract, 'result' | 'example'>): string {
  const { id } = streamOf(method) ?? {};
  const item = method.example.result;
  return eventText(item, id === undefined ? undefined : String((item as Record<string, unknown>)[id]));
}
