import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createClient, createHttpTransport, type Methods, type ServiceContract } from 'rpc-kit';
import { basket } from '../two-services/basket-contract.ts';
import { prices } from '../two-services/prices-contract.ts';
import { readManifests } from './manifests.ts';
import { type Program, startProgram } from './programs.ts';

const EXAMPLES = new URL('../', import.meta.url);
const MANIFESTS = { prices: readManifests('prices.yaml'), basket: readManifests('basket.yaml') };
const CONTRACTS: Record<string, ServiceContract<Methods>> = { prices, basket };
const SECOND = 1_000;
/** As on a read-only file system: a write fails. */
const READ_ONLY = '--permission --allow-fs-read=* --allow-net --disable-warning=ExperimentalWarning';

type Manifests = (typeof MANIFESTS)['prices'];

const podOf = ({ deployment }: Manifests) => deployment.spec.template.spec;
const containerOf = (manifests: Manifests) => podOf(manifests).containers[0];
const environmentOf = (manifests: Manifests): Record<string, string> =>
  Object.fromEntries(containerOf(manifests).env.map(({ name, value }) => [name, value]));
const numberOf = (manifests: Manifests, name: string): number => Number(environmentOf(manifests)[name]);

for (const [name, manifests] of Object.entries(MANIFESTS)) {
  describe(`The manifests of ${name}`, () => {
    const { deployment, service, autoscaler, disruptionBudget, networkPolicy } = manifests;

    it('select the same pods', () => {
      assert.deepEqual(
        [
          deployment.spec.selector.matchLabels.app,
          deployment.spec.template.metadata.labels.app,
          ...podOf(manifests).topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels.app),
          service.spec.selector.app,
          autoscaler.spec.scaleTargetRef.name,
          disruptionBudget.spec.selector.matchLabels.app,
          networkPolicy.spec.podSelector.matchLabels.app,
        ],
        Array(7).fill(name),
      );
    });

    it('use one port in the process, the container, the service and the policy', () => {
      const ports = [
        numberOf(manifests, 'PORT'),
        containerOf(manifests).ports[0].containerPort,
        service.spec.ports[0].port,
        ...networkPolicy.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
      ];
      assert.equal(new Set(ports).size, 1, String(ports));
    });

    it('give a stop as much time as it takes', () => {
      const [notReadyMs, finishMs] = [numberOf(manifests, 'NOT_READY_MS'), numberOf(manifests, 'FINISH_MS')];
      assert.ok(podOf(manifests).terminationGracePeriodSeconds * SECOND > notReadyMs + finishMs);
      const { periodSeconds, failureThreshold } = containerOf(manifests).readinessProbe;
      assert.ok(notReadyMs >= periodSeconds * failureThreshold * SECOND);
      const timeoutsMs = Object.values(CONTRACTS[name]?.methods ?? {}).map(({ timeoutMs }) => timeoutMs);
      assert.ok(finishMs > Math.max(...timeoutsMs));
    });

    it('keep more pods than a disruption may take', () => {
      assert.ok(autoscaler.spec.minReplicas > disruptionBudget.spec.minAvailable);
    });

    it('start a program that the image has, as a user that is not root', () => {
      const dockerfile = readFileSync(new URL('kubernetes/Dockerfile', EXAMPLES), 'utf8');
      const [, file] = containerOf(manifests).command;
      assert.ok(existsSync(new URL(file, EXAMPLES)), file);
      assert.match(dockerfile, new RegExp(`^COPY ${file.split('/')[0]} `, 'm'));
      assert.match(dockerfile, /^USER node$/m);
    });
  });
}

describe('The manifests together', () => {
  it('let basket call prices by the name of its headless service', () => {
    const { service, networkPolicy } = MANIFESTS.prices;
    const { name } = service.metadata;
    const { port } = service.spec.ports[0];
    assert.equal(service.spec.clusterIP, 'None');
    assert.equal(environmentOf(MANIFESTS.basket).PRICES_URLS, `dns+http://${name}:${port}`);
    const callers = networkPolicy.spec.ingress.flatMap(({ from }) => from);
    assert.ok(callers.some((caller) => 'podSelector' in caller && caller.podSelector.matchLabels.app === 'basket'));
    const callees = MANIFESTS.basket.networkPolicy.spec.egress.filter(({ ports }) => ports[0]?.port === port);
    assert.deepEqual(callees[0]?.to, [{ podSelector: { matchLabels: { app: name } } }]);
  });

  it('install the versions that the examples are tested with', () => {
    const dockerfile = readFileSync(new URL('kubernetes/Dockerfile', EXAMPLES), 'utf8');
    const { dependencies } = JSON.parse(readFileSync(new URL('package.json', EXAMPLES), 'utf8'));
    for (const [name, version] of Object.entries(dependencies)) {
      if (name !== 'rpc-kit') assert.ok(dockerfile.includes(` ${name}@${version}`), name);
    }
  });
});

describe('The programs of the manifests', () => {
  it('answer their probes, write no file, scale by a metric that they have, and finish within their grace period', async () => {
    await using stack = new AsyncDisposableStack();
    const toPrices = await start(stack, MANIFESTS.prices, {});
    const port = new URL(toPrices.url).port;
    const toBasket = await start(stack, MANIFESTS.basket, { PRICES_URLS: `dns+http://localhost:${port}` });
    const programs = [
      [toPrices, MANIFESTS.prices],
      [toBasket, MANIFESTS.basket],
    ] as const;

    await using transport = createHttpTransport(toBasket.url, { userAgent: 'test' });
    const client = createClient(basket, transport);
    assert.deepEqual(await client.total({ skus: [7, 8, 9] }), { total: 2_698n, unknown: [9] });
    for (const [program, manifests] of programs) {
      const { startupProbe, readinessProbe, livenessProbe } = containerOf(manifests);
      for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
        assert.equal(await statusOf(program, httpGet.path), 200, httpGet.path);
      }
      const metrics = await (await fetch(`${program.url}/metrics`)).text();
      assert.match(metrics, new RegExp(`^${manifests.autoscaler.spec.metrics[0].pods.metric.name}\\{`, 'm'));
    }

    const stops = programs.map(([program, manifests]) => {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => late.reject(new Error('SIGKILL would have come')),
        podOf(manifests).terminationGracePeriodSeconds * SECOND,
      );
      return Promise.race([program.stop(), late.promise]).finally(() => clearTimeout(timer));
    });
    // A signal is delivered soon, but not at once.
    for (const [program] of programs) while ((await statusOf(program, '/readyz')) === 200);
    for (const [program] of programs) assert.equal(await statusOf(program, '/healthz'), 200);
    assert.deepEqual((await client.total({ skus: [7] })).total, 199n, 'a pod that drains still answers');
    assert.deepEqual(await Promise.all(stops), [0, 0]);
  });
});

function start(stack: AsyncDisposableStack, manifests: Manifests, here: Record<string, string>): Promise<Program> {
  const [, file] = containerOf(manifests).command;
  // Any port that is free on this machine.
  const environment = { ...environmentOf(manifests), PORT: '0', NODE_OPTIONS: READ_ONLY, ...here };
  return startProgram(stack, file, environment);
}

async function statusOf({ url }: Program, path: string): Promise<number> {
  const answer = await fetch(`${url}${path}`);
  await answer.body?.cancel();
  return answer.status;
}
