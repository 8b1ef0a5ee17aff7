import assert from 'node:assert/strict';
import type { HttpServer } from 'rpc-kit';
import { type RawAnswer, type RawRequest, requestBytes, sendRaw } from './raw-http.ts';
import { createSubject, serveSubject } from './subject.ts';

describe('HTTP faces', () => {
  let server: HttpServer;
  const ask = (request: RawRequest): Promise<RawAnswer> => sendRaw(server.port, requestBytes(request));

  before(async () => {
    server = await serveSubject(createSubject());
  });
  after(() => server.close());

  it('answers a result that is text as JSON on the plain face', async () => {
    const { status, body } = await ask({ path: '/greeting', body: '{}' });
    assert.deepEqual({ status, body }, { status: 200, body: '"hello"' });
  });
});
