import assert from 'node:assert/strict';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { talliedCounterIn, talliedGaugeIn, talliedHistogramIn } from './tallies.ts';

/** Prometheus does not mind the order of labels. */
function labelsSorted(text: string): string {
  return text.replaceAll(/(?<=\{).*(?=\})/g, (labels) => labels.split(',').sort().join(','));
}

describe('tallied instruments', () => {
  const description = { name: 'calls', help: 'Calls.', labelNames: ['method', 'code'] };
  const buckets = [0.1, 0.5, 1];
  const some = { code: 'ok', method: 'pay' };
  const others = { method: 'list', code: 'internal' };

  it('report the same counts as a counter of prom-client', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tallied = talliedCounterIn(ours, description);
    const plain = new Counter({ ...description, registers: [theirs] });
    tallied.series(some).value += 3;
    tallied.series(others).value += 1;
    tallied.series({ method: 'never', code: 'ok' });
    plain.inc(some, 3);
    plain.inc(others);
    assert.equal(await ours.metrics(), await theirs.metrics());
    assert.equal(await ours.metrics(), await theirs.metrics(), 'asking changes nothing');
  });

  it('report the same values as a gauge of prom-client', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tallied = talliedGaugeIn(ours, description).series(some);
    tallied.value += 2;
    tallied.value -= 1;
    new Gauge({ ...description, registers: [theirs] }).inc(some);
    assert.equal(await ours.metrics(), await theirs.metrics());
  });

  it('report the same times as a histogram of prom-client, as text and as data', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    for (const registry of [ours, theirs]) registry.setDefaultLabels({ service: 'loms' });
    const tallied = talliedHistogramIn(ours, { ...description, buckets });
    const plain = new Histogram({ ...description, buckets, registers: [theirs] });
    for (const seconds of [0, 0.1, 0.2, 0.5, 0.75, 1, 1.25, 40]) {
      for (const labels of [some, others]) {
        tallied.series(labels).observe(seconds);
        plain.observe(labels, seconds);
      }
    }
    assert.equal(labelsSorted(await ours.metrics()), labelsSorted(await theirs.metrics()));
    const asData = async (histogram: Histogram) =>
      (await histogram.get()).values.map(({ metricName, labels, value }) => ({ metricName, labels, value }));
    assert.deepEqual(await asData(tallied), await asData(plain));
  });

  it('are the same for the same name and the same labels, whatever their order', () => {
    const registry = new Registry();
    const again = { ...description, buckets };
    assert.equal(talliedHistogramIn(registry, again), talliedHistogramIn(registry, again));
    const counter = talliedCounterIn(new Registry(), description);
    assert.equal(counter.series({ code: 'ok', method: 'pay' }), counter.series({ method: 'pay', code: 'ok' }));
  });
});
