import assert from 'node:assert/strict';
import fc from 'fast-check';
import { after, before } from 'mocha';
import { fixedLimit, RpcError, stringifyJson } from 'rpc-kit';
import {
  type Answer,
  breaksOfParams,
  createExchange,
  DOCUMENT_SEED,
  type Exchange,
  type FetchedDocument,
  fetchDocument,
  judge,
  type Operation,
  operationsOf,
  paramsOf,
  type Request,
  valuesOf,
} from 'testing';
import type { Route } from '../src/route.ts';
import { PREFIX, ROUTES } from '../src/routes/index.ts';
import { SERVICES } from '../src/services.ts';
import { exampleServices } from './example-services.ts';
import { type Gateway, GENEROUS, openGateway } from './gateway-fixture.ts';
import { refusedRequests } from './refused-requests.ts';

const rows: readonly Route[] = Object.values(ROUTES).flat();
const VALID_RUNS = 30;
/** The tests of rpc-kit's listener wait for it: a request that arrives too slowly. */
const NOT_PROVOKED = '408 invalid_request';
const AWAY = [
  [503, 'unavailable'],
  [504, 'deadline_exceeded'],
] as const;
/** Rules that JSON Schema cannot express: a token in the body or in a cookie, a delta that is not 0, signed cursors. */
const RULED_BY_WORDS = ['/auth/refresh', '/auth/logout', '/products/{sku}/stock'];

describe(`The REST API's document is true (DOCUMENT_SEED=${DOCUMENT_SEED})`, () => {
  const services = exampleServices();
  const gateways: Partial<Record<'open' | 'spent' | 'busy', Gateway>> = {};
  const exchanges: Partial<Record<'open' | 'spent' | 'busy', Exchange>> = {};
  let document: FetchedDocument;
  let operations: readonly Operation[];

  before(async () => {
    const { fakes } = services;
    const leaseTokens = async () => ({ granted: 0, retryAfterMs: 1_000 });
    gateways.open = await openGateway(fakes);
    gateways.spent = await openGateway({ ...fakes, accounts: { ...fakes.accounts, leaseTokens } }, { rates: GENEROUS });
    gateways.busy = await openGateway(fakes, { concurrency: { ...fixedLimit(1), tryAcquire: () => undefined } });
    for (const name of ['open', 'spent', 'busy'] as const) exchanges[name] = createExchange(gateways[name]?.url ?? '');
    document = await fetchDocument(exchanges.open as Exchange, '/openapi.json');
    operations = operationsOf(document);
  });
  after(async () => {
    for (const exchange of Object.values(exchanges)) exchange[Symbol.dispose]();
    for (const gateway of Object.values(gateways)) await gateway[Symbol.asyncDispose]();
  });

  function operationOf({ method, path }: Route): Operation {
    const found = operations.find((one) => one.verb === method && one.path === `${PREFIX}${path}`);
    assert.ok(found);
    return found;
  }

  /** The request of a row's example, signed in as an admin where that is needed. */
  function exampleOf({ method, path, who, example = {}, idempotencyKey, ifMatch }: Route): Request {
    const address = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => example.params?.[name] ?? '');
    const headers = {
      ...(who !== 'anyone' && { authorization: `Bearer ${who === 'admin' ? 'admin' : 'anna'}` }),
      ...(idempotencyKey && { 'idempotency-key': 'example' }),
      ...(ifMatch && { 'if-match': '"1"' }),
    };
    const body = example.body === undefined ? '' : JSON.stringify(example.body);
    return { verb: method, path: `${PREFIX}${address}`, headers, body };
  }

  type Sent = Omit<Request, 'headers'> & { readonly headers?: Record<string, string | undefined> };

  async function send(operation: Operation, request: Sent, gateway: keyof typeof exchanges = 'open') {
    const headers = Object.entries(request.headers ?? {}).filter(([, value]) => value !== undefined);
    const sent = { ...request, headers: Object.fromEntries(headers) as Record<string, string> };
    const answer = await (exchanges[gateway] as Exchange).send(sent);
    judge(document, operation, sent, answer);
    return answer;
  }

  for (const row of rows) {
    const name = `${row.method} ${row.path}`;

    it(`${name} answers its example, and refuses as documented, in no other way and in each of these ways`, async () => {
      const operation = operationOf(row);
      const example = exampleOf(row);
      services.replace();
      const answer = await send(operation, example);
      assert.equal(answer.status, row.status, answer.text);
      if (operation.responses[304]) {
        const headers = { ...example.headers, 'if-none-match': answer.headers.etag };
        assert.equal((await send(operation, { ...example, headers })).status, 304);
      }
      const seen = new Set<string>();
      for (const { what, gateway, request, replaced } of refusedRequests(row, example.path)) {
        services.replace(replaced?.method, replaced?.act);
        const headers = { ...example.headers, ...request.headers };
        const refused = await send(operation, { ...example, ...request, headers }, gateway);
        assert.ok(refused.status >= 400, `${what}: ${refused.status}`);
        seen.add(refusalIn(refused.status, JSON.parse(refused.text)));
      }
      services.replace();
      const documented = Object.entries(operation.responses).flatMap(([status, { content }]) =>
        Object.values(content?.['application/json']?.examples ?? {}).map(({ value }) => refusalIn(status, value)),
      );
      assert.deepEqual([...seen, NOT_PROVOKED].sort(), documented.sort());
    });

    it(`${name} answers every valid request as documented, and refuses what breaks a rule`, async () => {
      const operation = operationOf(row);
      const example = exampleOf(row);
      const ask = async (body: unknown, names: Record<string, string>): Promise<Answer> => {
        const query = operation.parameters.filter(({ in: place, name }) => place === 'query' && name in names);
        const search = new URLSearchParams(query.map(({ name }) => [name, names[name] ?? '']));
        const address = row.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
          encodeURIComponent(names[name] ?? ''),
        );
        const request = { ...example, path: `${PREFIX}${address}?${search}` };
        return send(operation, row.body ? { ...request, body: stringifyJson(body) } : request);
      };
      const params = operation.body ? paramsOf(operation.body, document) : fc.constant(undefined);
      const property = fc.asyncProperty(params, namesOf(operation, document), async (body, names) => {
        const { status, text } = await ask(body, names);
        assert.ok(status !== 400 || RULED_BY_WORDS.includes(row.path) || 'cursor' in names, text);
      });
      await fc.assert(property, { seed: DOCUMENT_SEED, numRuns: VALID_RUNS });

      const { schema, example: valid } = operation.body ?? {};
      for (const { what, value } of schema ? breaksOfParams(schema, valid, document.resolve) : []) {
        const { status } = await ask(value, row.example?.params ?? {});
        assert.equal(status, 400, `${what} is taken: ${stringifyJson(value).slice(0, 200)}`);
      }
    });
  }

  it('says how each page answers', async () => {
    const { jwks } = SERVICES.accounts.methods;
    for (const operation of operations.filter(({ tags }) => tags.includes('pages'))) {
      const { verb, path } = operation;
      const request = { verb, path };
      for (const [status, code] of path.includes('jwks') ? AWAY : []) {
        services.replace(jwks, () => Promise.reject(new RpcError(code, 'away')));
        assert.equal((await send(operation, request)).status, status);
      }
      services.replace();
      assert.equal((await send(operation, request)).status, 200, path);
      for (const [status, headers] of Object.entries({
        403: { origin: 'https://evil.example' },
        417: { expect: 'a-miracle' },
        421: { host: 'evil.example' },
        431: { 'x-large': 'x'.repeat(17 * 1_024) },
      })) {
        assert.equal((await send(operation, { ...request, headers: headers as never })).status, Number(status), path);
      }
      assert.equal((await send(operation, { ...request, setHost: false })).status, 400, path);
    }
  });
});

/** `409 failed_precondition out_of_stock` */
function refusalIn(status: number | string, body: unknown): string {
  const { code, reason = '' } = (body as { error: { code: string; reason?: string } }).error;
  return `${status} ${code} ${reason}`.trim();
}

/** Values of the path and the query. */
function namesOf({ parameters }: Operation, document: FetchedDocument) {
  const toText = (value: unknown): string => (typeof value === 'string' ? value : stringifyJson(value));
  const isPart = (text: string): boolean => text.isWellFormed() && !['', '.', '..'].includes(text);
  const named = parameters.filter(({ in: place }) => place !== 'header');
  const values = named.map(({ name, schema }) => [name, valuesOf(schema, document.resolve).map(toText).filter(isPart)]);
  const requiredKeys = named.filter(({ in: place }) => place === 'path').map(({ name }) => name);
  return fc.record(Object.fromEntries(values), { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<
    Record<string, string>
  >;
}
