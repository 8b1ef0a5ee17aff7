import { createClient, createHttpTransport, createRetryBudget, retry } from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, updateLock } from 'rpc-kit/grpc';
import { ticker } from './contract.ts';

export const codec = createServiceCodec(ticker, updateLock({ package: 'example', services: {} }, [ticker]));

/** The changes of a price, over server-sent events or gRPC. `retry` resumes a stream that broke, after its last item. */
export async function* watch(url: string, sku: number) {
  const userAgent = 'watch/1.0.0';
  await using transport = url.startsWith('grpc')
    ? createGrpcTransport(url, { codec, userAgent })
    : createHttpTransport(url, { userAgent });
  // One call for minutes deposits next to nothing, and a server may be away for half a minute, with half a second between attempts.
  const budget = createRetryBudget({ perSecondMin: 5 });
  const interceptors = [retry({ budget, attemptsMax: 60 })];
  yield* createClient(ticker, transport, { interceptors }).watch({ sku });
}

if (import.meta.main) {
  for await (const change of watch(process.argv[2] ?? 'http://127.0.0.1:7004', 7)) console.log(change);
}
