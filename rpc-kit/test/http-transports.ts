import { createFetchTransport, createHttpTransport } from 'rpc-kit';
import { Agent, fetch as undiciFetch } from 'undici';
import type { HttpTransport, HttpTransportOptions } from '../src/http/client/transport.ts';

/** What both kinds of transport are created with. */
export type CommonOptions = Pick<
  HttpTransportOptions,
  | 'userAgent'
  | 'face'
  | 'connections'
  | 'batching'
  | 'streamsMax'
  | 'answerBytesMax'
  | 'answerValuesMax'
  | 'authorization'
>;

export type CreateTransport = (url: string, options: CommonOptions) => HttpTransport;

/** The transports that must treat a peer alike. */
export const HTTP_TRANSPORTS: Readonly<Record<string, CreateTransport>> = {
  'over undici': createHttpTransport,
  'over a fetch': (url, { userAgent, connections, ...options }) => {
    // Connections of Node's own fetch outlive a test.
    const dispatcher = new Agent();
    const transport = createFetchTransport(url, {
      ...options,
      ...(connections !== undefined && { requestsMax: connections }),
      headers: { 'user-agent': userAgent, 'accept-encoding': 'identity' },
      fetch: (address, init) => undiciFetch(address, { ...init, dispatcher }),
    });
    return { ...transport, [Symbol.asyncDispose]: () => dispatcher.destroy() };
  },
};
