import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openApiDocument } from 'gateway/openapi';
import { after, before } from 'mocha';
import newman, { type Summary } from 'newman';
import converter from 'openapi-to-postmanv2';
import { ADMIN_WALK, BUYER_WALK, type Step, summaryOf } from './newman-walk.ts';
import { PASSWORD } from './people.ts';
import { openShop, type Shop } from './shop.ts';

interface PostmanItem {
  readonly name: string;
  readonly item?: readonly PostmanItem[];
  // biome-ignore lint/suspicious/noExplicitAny: a request of Postman has dozens of members.
  readonly request: any;
}

describe('The OpenAPI document, imported to Postman and run by newman', () => {
  let shop: Shop;
  let requests: ReadonlyMap<string, PostmanItem>;
  before(async () => {
    shop = await openShop();
    requests = await importToPostman(JSON.stringify(openApiDocument(shop.url)));
  });
  after(() => shop[Symbol.asyncDispose]());

  async function run(steps: readonly Step[], variables: Record<string, string>): Promise<Record<string, string>> {
    const collection = { info: { name: 'walk', schema: SCHEMA }, item: steps.map((step) => toItem(step, requests)) };
    const { promise, resolve, reject } = Promise.withResolvers<Summary>();
    const envVar = Object.entries({ baseUrl: shop.url, ...variables }).map(([key, value]) => ({ key, value }));
    newman.run({ collection, envVar }, (error, summary) => (error ? reject(error) : resolve(summary)));
    const summary = await promise;
    const failures = summary.run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`);
    assert.deepEqual(failures, []);
    assert.equal(
      summary.run.stats.assertions.total,
      steps.reduce((sum, { check }) => sum + (check ? 2 : 1), 0),
    );
    return Object.fromEntries(summary.environment.values.map(({ key, value }) => [key, value]));
  }

  it('sells what an admin puts on sale', async () => {
    const admin = await shop.admin();
    const { sku = '' } = await run(ADMIN_WALK, { email: admin.email, password: PASSWORD });
    assert.equal(String(sku), '5000001');
    await run(BUYER_WALK, { email: `${randomUUID()}@shop.example`, password: PASSWORD, sku: String(sku) });
  });
});

const SCHEMA = 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json';

/** The requests of the imported document, by name. */
async function importToPostman(document: string): Promise<ReadonlyMap<string, PostmanItem>> {
  const { promise, resolve, reject } = Promise.withResolvers<PostmanItem>();
  const options = { folderStrategy: 'Tags', parametersResolution: 'Example' };
  converter.convertV2({ type: 'string', data: document }, options as never, (error, result) => {
    if (error || !result?.result) reject(error ?? new Error(result?.reason));
    else resolve(result.output?.[0]?.data as unknown as PostmanItem);
  });
  const flat = (item: PostmanItem): readonly PostmanItem[] => item.item?.flatMap(flat) ?? [item];
  return new Map(flat(await promise).map((item) => [item.name, item]));
}

/** The imported request, with what the step sets, and the tests of its answer. */
function toItem({ route, status, set = {}, body, save = {}, check }: Step, requests: ReadonlyMap<string, PostmanItem>) {
  const request = structuredClone(requests.get(summaryOf(route))?.request);
  const parts = [...request.url.variable, ...request.url.query, ...(request.header ?? [])];
  for (const part of parts) {
    const isOptional = request.url.query.includes(part);
    if (set[part.key] !== undefined) part.value = set[part.key];
    else if (isOptional) part.disabled = true;
    else if (part.key === 'idempotency-key') part.value = '{{$guid}}';
  }
  if (body !== undefined) request.body.raw = JSON.stringify(body).replaceAll('"{{sku}}"', '{{sku}}');
  const script = [
    `pm.test('status', () => pm.response.to.have.status(${status}));`,
    "const body = pm.response.text() === '' ? undefined : pm.response.json();",
    ...Object.entries(save).map(([name, value]) => `pm.environment.set('${name}', ${value});`),
    ...(check
      ? [
          `pm.test('answer', () => pm.expect(${check.replace('{{sku}}', "Number(pm.environment.get('sku'))")}).to.be.true);`,
        ]
      : []),
  ];
  return { name: route, request, event: [{ listen: 'test', script: { exec: script, type: 'text/javascript' } }] };
}
