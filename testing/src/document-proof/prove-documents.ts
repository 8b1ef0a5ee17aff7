import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { parseJson } from 'rpc-kit';
import { fetchDocument } from './documents.ts';
import { createExchange, type Exchange } from './exchange.ts';
import { type Operation, operationsOf } from './openapi-judge.ts';
import { sendBroken, sendExample, sendLate, sendMalformed, sendOtherVerbs, sendValid } from './plain-face.ts';
import {
  callBroken,
  callLate,
  callValid,
  type RpcMethod,
  type RpcProof,
  sendBatches,
  sendNoCalls,
} from './rpc-face.ts';

interface ProvenService {
  readonly url: () => string;
  /** Methods with rules that JSON Schema cannot express, which their descriptions contain: they may refuse params it allows. */
  readonly ruledByWords?: readonly string[];
  /** Methods whose example names what no fresh database has, with the status of their answer to it. */
  readonly refusedExamples?: Readonly<Record<string, number>>;
}

/** `DOCUMENT_SEED` repeats the random requests of a run; the title of the tests contains it. */
export const DOCUMENT_SEED = Number(process.env.DOCUMENT_SEED ?? randomInt(2 ** 31));

/** Tests that a running service answers every request as its own OpenAPI and OpenRPC documents say. */
export function itKeepsItsDocuments({ url, ruledByWords = [], refusedExamples = {} }: ProvenService): void {
  describe(`the documents of the service are true (DOCUMENT_SEED=${DOCUMENT_SEED})`, () => {
    let proof: RpcProof;
    let exchange: Exchange;
    let operations: Operation[];
    let methods: readonly RpcMethod[];
    const ofCalls = () => operations.filter(({ tags }) => tags.includes('methods'));

    before(async () => {
      exchange = createExchange(url());
      const [openApi, openRpc] = [
        await fetchDocument(exchange, '/openapi.json'),
        await fetchDocument(exchange, '/openrpc.json'),
      ];
      operations = operationsOf(openApi);
      methods = openRpc.value.methods as RpcMethod[];
      const operation = operations.find(({ path }) => path === '/rpc');
      assert.ok(operation);
      proof = { openApi, openRpc, operation, exchange, seed: DOCUMENT_SEED };
    });

    after(() => exchange?.[Symbol.dispose]());

    const plainProof = () => ({ document: proof.openApi, exchange, seed: DOCUMENT_SEED });

    it('answers each example as OpenAPI says, those of methods with 200', async () => {
      for (const operation of operations) {
        const { status, text } = await sendExample(operation, plainProof());
        if (!operation.tags.includes('methods')) continue;
        assert.equal(status, refusedExamples[operation.path.slice(1)] ?? 200, `${operation.path}: ${text}`);
      }
    });

    it('answers every valid request as OpenAPI says', async () => {
      for (const operation of operations.filter(({ path }) => path !== '/rpc')) {
        const answers = await sendValid(operation, plainProof());
        // Methods without such rules accept all params that their schema allows.
        if (ruledByWords.includes(operation.path.slice(1))) continue;
        const refused = answers.find(({ status }) => status === 400);
        assert.equal(refused, undefined, `${operation.path} refuses what its schema allows: ${refused?.text}`);
      }
    });

    it('refuses params that break any one rule of the schema, as OpenAPI says', async () => {
      for (const operation of ofCalls()) assert.ok((await sendBroken(operation, plainProof())) > 0);
    });

    it('answers calls whose deadline has passed as both documents say', async () => {
      for (const operation of ofCalls()) await sendLate(operation, plainProof());
      for (const method of methods) await callLate(method, proof);
    });

    it('shows examples that fit the schemas beside them', () => {
      for (const { path, body, responses } of ofCalls()) {
        const { openApi } = proof;
        assert.equal(body && openApi.complaint(body.schema, body.example), undefined, path);
        const answer = responses['200']?.content?.['application/json'];
        assert.equal(answer && openApi.complaint(answer.schema, answer.example), undefined, path);
      }
    });

    it('answers malformed requests, and verbs that are not listed, as OpenAPI says', async () => {
      for (const operation of operations) await sendMalformed(operation, plainProof());
      const byPath = Map.groupBy(operations, ({ path }) => path);
      for (const those of byPath.values()) await sendOtherVerbs(those, plainProof());
    });

    it('answers calls by name and by position as OpenRPC says', async () => {
      for (const method of methods) await callValid(method, proof);
    });

    it('refuses calls whose params break any one rule, as OpenRPC says', async () => {
      for (const method of methods) await callBroken(method, proof);
    });

    it('says in its OpenRPC document, also by rpc.discover, where calls go', async () => {
      const { servers } = proof.openRpc.value as { servers: { url: string }[] };
      assert.deepEqual(
        servers.map((server) => server.url),
        [`${url()}/rpc`],
      );
      const body = '{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}';
      const { text } = await exchange.send({ verb: 'POST', path: '/rpc', body });
      assert.deepEqual(parseJson(text), { jsonrpc: '2.0', id: 1, result: proof.openRpc.value });
    });

    it('answers batches, notifications and bodies that are no call as OpenAPI says of /rpc', async () => {
      await sendBatches(methods, proof);
      await sendNoCalls(proof);
    });

    it('lists required params before optional ones, and all methods in both documents', () => {
      for (const { name, params } of methods) {
        const needs = params.map(({ required }) => required);
        assert.deepEqual(
          needs,
          needs.toSorted((a, b) => Number(b) - Number(a)),
          name,
        );
      }
      const paths = new Set(ofCalls().map(({ path }) => path));
      assert.deepEqual(
        [...paths],
        methods.map(({ name }) => `/${name}`),
      );
    });
  });
}
