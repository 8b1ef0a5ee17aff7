import { readFileSync } from 'node:fs';
import { callAsTold } from './client.ts';
import { readDelimited, toDelimited } from './delimited.ts';
import { type ClientRequest, readMessages } from './messages.ts';

/** Calls in flight: some of them wait for deadlines. */
const PARALLEL = 8;

/** The program that the suite starts in its mode `client`: it makes the calls that it reads. The argument is a FileDescriptorSet. */
const messages = readMessages(readFileSync(process.argv[2] as string));

async function answer(bytes: Uint8Array): Promise<void> {
  const request = messages.decode<ClientRequest>('ClientCompatRequest', bytes);
  const result = await callAsTold(messages, request).then(
    (value) => ({ case: 'response', value }),
    (error) => ({ case: 'error', value: { message: String(error?.stack ?? error) } }),
  );
  process.stdout.write(toDelimited(messages.encode('ClientCompatResponse', { testName: request.testName, result })));
}

const running = new Set<Promise<void>>();
for await (const bytes of readDelimited(process.stdin)) {
  const call = answer(bytes).finally(() => running.delete(call));
  running.add(call);
  if (running.size >= PARALLEL) await Promise.race(running);
}
await Promise.all(running);
