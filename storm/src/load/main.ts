import { loms } from 'loms/contract.ts';
import { findRunningMesh, loadCaller, runScript } from 'mesh';
import { createClient, createHttpTransport } from 'rpc-kit';
import { type Caller, connect, USER_AGENT } from '../connections.ts';
import { type EdgePerson, registerPeople } from '../edge/people.ts';
import { createFigures, type Figures } from '../figures.ts';
import { createLatencies } from '../latencies.ts';
import { findGoods } from '../on-sale.ts';
import { chooseGatewayUrl, chooseUrls } from '../options.ts';
import { showProgress } from '../progress.ts';
import { createRunIds, type RunIds } from '../user.ts';
import { openLoop } from './open-loop.ts';
import { type LoadOptions, loadLoadOptions } from './options.ts';
import { describeLoad } from './report.ts';
import { createShopper, LINES } from './shopper.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `make load`: purchases at a steady pace on a running mesh, and their latencies. */
async function run(): Promise<number> {
  const options = loadLoadOptions(process.env);
  const { users, rate, seconds, viaGateway } = options;
  const mesh = findRunningMesh(process.env);
  const urls = chooseUrls(process.env, mesh.urls);
  const caller = { ...loadCaller(mesh.paths), tls: mesh.tls };
  const { plenty: skus } = await findGoods(urls.loms, caller);
  const ids = createRunIds(new Date());
  await putOnSale(urls.loms, caller, skus, ids, options);

  await using stack = new AsyncDisposableStack();
  const gatewayUrl = viaGateway ? chooseGatewayUrl(process.env, mesh.urls) : undefined;
  if (gatewayUrl !== undefined) console.log(`${users} users register at ${gatewayUrl} …`);
  const accountsUrl = mesh.urls.accounts;
  const people = gatewayUrl ? await registerPeople({ gatewayUrl, accountsUrl, caller, users, ids }) : undefined;
  const clients = connect(urls, caller, 'rpc', users, stack);
  const calls = createFigures();
  const lanes = Array.from({ length: users }, (_, index) => {
    const { id, clients: own }: Pick<EdgePerson, 'id' | 'clients'> = people?.list[index] ?? {
      id: ids.firstUser + BigInt(index),
      clients,
    };
    return createShopper({ id, clients: own, skus, record: calls.add });
  });
  const where = gatewayUrl ?? `${urls.checkout} and ${urls.loms}`;
  console.log(`${rate} purchases a second for ${seconds} s by ${users} users, on ${where}. Ctrl-C ends the load.`);
  return await load(lanes, options, calls);
}

async function load(
  lanes: readonly (() => Promise<boolean>)[],
  { rate, seconds }: LoadOptions,
  calls: Figures,
): Promise<number> {
  const purchases = createLatencies();
  let [paid, failed] = [0, 0];
  const onEnd = (succeeded: boolean, ms: number): void => {
    purchases.record(ms);
    if (succeeded) paid++;
    else failed++;
  };
  const over = listenForEnd();
  const loop = async () => {
    using _progress = showProgress({
      output: process.stdout,
      figures: calls,
      endsAt: performance.now() + seconds * 1_000,
    });
    return await openLoop({ lanes, perSecond: rate, seconds, over, onEnd });
  };
  const offered = await loop();
  console.log(`\n${describeLoad({ offered, paid, failed, purchases, calls })}`);
  const unexpected = calls.errors().filter(({ expected }) => !expected);
  return paid > 0 && unexpected.length === 0 ? 0 : 1;
}

/** So that the load takes nothing of the mesh's stock. */
async function putOnSale(
  url: string,
  caller: Caller,
  skus: readonly number[],
  { run }: RunIds,
  { rate, seconds, users }: LoadOptions,
): Promise<void> {
  const authorization = caller.signerFor(loms.name);
  await using transport = createHttpTransport(url, { userAgent: USER_AGENT, authorization, tls: caller.tls });
  const client = createClient(loms, transport);
  // Shoppers buy the skus in turn, each from its own one on.
  const delta = BigInt(Math.ceil((rate * seconds * LINES) / skus.length) + users * LINES);
  for (const sku of skus) {
    await client.adjustStock({ sku, warehouseID: 1n, delta, idempotencyKey: `load-${run}-${sku}` });
  }
  console.log(`Put ${delta} pieces of each of ${skus.length} skus on sale.`);
}

function listenForEnd(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of SIGNALS) process.once(signal, () => interrupted.abort());
  return interrupted.signal;
}

await runScript(run);
