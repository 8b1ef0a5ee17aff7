import assert from 'node:assert/strict';
import { z } from 'zod';
import { defineService } from '../contract.ts';
import { stringifyJson } from '../schema/json.ts';
import { int64 } from '../schema/wire-types.ts';
import { stream } from '../stream.ts';
import { docsPage } from './docs-page/docs-page.ts';
import { contractMarkdown } from './markdown.ts';
import { openApiDocument } from './openapi.ts';
import { openRpcDocument } from './openrpc.ts';

const method = {
  params: z.strictObject({ topic: z.string(), after: int64.optional() }),
  timeoutMs: 60_000,
  example: { params: { topic: 'a' }, result: { nr: 1 } },
};
const item = z.object({ nr: int64 });
const news = defineService(
  'news',
  { summary: 'Sends what is new.', version: '1' },
  {
    watch: { summary: 'Watches.', ...method, result: stream(item, { id: 'nr', resume: 'after' }), reads: true },
    drain: { summary: 'Empties.', ...method, result: stream(item) },
  },
);

describe('The documents of a method that answers with a stream', () => {
  const openApi = JSON.parse(stringifyJson(openApiDocument(news)));
  const openRpc = openRpcDocument(news);

  it('say by OpenAPI that it answers with events, and what each item is', () => {
    const { content, headers } = openApi.paths['/watch'].post.responses['200'];
    assert.deepEqual(content, {
      'text/event-stream': {
        schema: { type: 'string' },
        'x-item-schema': { $ref: '#/components/schemas/WatchResult' },
        example: 'id: 1\ndata: {"nr":1}\n\n',
      },
    });
    assert.ok(headers['x-accel-buffering']);
    assert.equal(openApi.components.schemas.WatchResult.properties.nr.format, 'int64');
    assert.equal(
      openApi.paths['/drain'].post.responses['200'].content['text/event-stream'].example,
      'data: {"nr":1}\n\n',
    );
  });

  it('say by OpenAPI how browsers call and resume it: by a query and a header, and never by HEAD', () => {
    const { get, post, head } = openApi.paths['/watch'];
    const own = ({ parameters }: { parameters: { name?: string; in: string }[] }) =>
      parameters.flatMap(({ name, in: where }) => (name ? [`${where} ${name}`] : []));
    assert.deepEqual(own(get), ['query topic', 'query after', 'header Last-Event-ID']);
    assert.deepEqual(own(post), ['header Last-Event-ID']);
    assert.deepEqual([get.requestBody.required, post.requestBody.required, head], [false, true, undefined]);
    assert.ok(get.responses['204']);
    const { drain } = { drain: openApi.paths['/drain'] };
    assert.deepEqual([Object.keys(drain), own(drain.post), drain.post.responses['204']], [['post'], [], undefined]);
  });

  it('mark it in OpenRPC, with the refusal that it gets there', () => {
    const [watch, drain] = openRpc.methods;
    assert.deepEqual(watch?.['x-stream'], { id: 'nr', resume: 'after' });
    assert.deepEqual(drain?.['x-stream'], { id: undefined, resume: undefined });
    for (const { errors } of openRpc.methods) assert.ok(errors.some(({ code }) => code === -32012));
  });

  it('show a line for a shell that prints each event at once, and no call by JSON-RPC', () => {
    const markdown = contractMarkdown(news, 'http://localhost:1');
    assert.match(markdown, /- result, a stream of `\{nr: int64\}`\n/);
    assert.match(
      markdown,
      /GET with its params in the query works too\) · resumed behind an item by after, its nr, or by Last-Event-ID/,
    );
    assert.match(markdown, /curl -sN .* http:\/\/localhost:1\/watch\n/);
    assert.match(markdown, /```text\nid: 1\ndata: \{"nr":1\}\n```/);
    const { html } = docsPage(openRpc);
    assert.match(html, /curl -sSN /);
    assert.match(html, /<dt>Resumed by<\/dt><dd>after, or Last-Event-ID<\/dd>/);
    assert.doesNotMatch(html, /value="rpc"|>JSON-RPC</);
  });
});
