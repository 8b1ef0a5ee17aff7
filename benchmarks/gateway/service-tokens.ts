import { checkAccess, createClient, defineService, type Interceptor, implement } from 'rpc-kit';
import {
  createVerifier,
  generateServiceKey,
  mintServiceToken,
  parseServiceKey,
  parseTrust,
} from 'service-kit/identity';
import { z } from 'zod';
import { type Cost, measureCosts } from './cost.ts';

const CALLER = 'gateway';
const REUSED = 50_000;

const callee = defineService(
  'callee',
  { summary: 'Does nothing.', version: '1.0.0' },
  {
    get: {
      summary: 'Answers nothing.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 10_000,
      reads: true,
      access: { callers: [CALLER] },
      example: { params: {}, result: {} },
    },
  },
);

/** A call without a network, as ACCESS=open and ACCESS=enforce execute it. */
export async function measureServiceTokens(rounds: number, tokensEach: number): Promise<Cost[]> {
  const { privateJwk, publicJwk } = await generateServiceKey();
  const key = parseServiceKey(JSON.stringify(privateJwk));
  const trust = parseTrust(JSON.stringify({ [CALLER]: { keys: [publicJwk] } }));
  const identify = createVerifier(trust, callee.name);
  const open = callerOf([]);
  const enforcing = callerOf([checkAccess({ mode: 'enforce', identify })]);
  const mint = async () => `Bearer ${await mintServiceToken(key, CALLER, callee.name)}`;

  return measureCosts(rounds, async () => {
    const fresh: string[] = [];
    for (let minted = 0; minted < tokensEach; minted++) fresh.push(await mint());
    const reused = Array<string>(REUSED).fill(await mint());
    return [
      { name: 'ACCESS=open', times: REUSED, run: () => open(reused) },
      { name: 'ACCESS=enforce, a token that is reused', times: REUSED, run: () => enforcing(reused) },
      { name: 'ACCESS=enforce, a new token for each call', times: tokensEach, run: () => enforcing(fresh) },
    ];
  });
}

/** Makes a call with each of the tokens, as the HTTP server passes them on. */
function callerOf(interceptors: readonly Interceptor[]): (tokens: readonly string[]) => Promise<void> {
  const service = implement(callee, { get: async () => ({}) }, { interceptors });
  let authorization = '';
  const carry: Interceptor = (next) => (call) => next({ ...call, caller: { authorization } });
  const client = createClient(callee, service, { interceptors: [carry] });
  return async (tokens) => {
    for (const token of tokens) {
      authorization = token;
      await client.get({});
    }
  };
}
