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

  it('answers 500 to a call whose result cannot be written as JSON, instead of dropping the connection', async () => {
    const answer = await ask({ path: '/unwritable', headers: ['x-request-id: r1'], body: '{}' });
    assert.equal(answer.status, 500);
    assert.deepEqual(JSON.parse(answer.body), {
      error: { code: 'internal', message: 'Internal error', requestId: 'r1' },
    });
  });
});
