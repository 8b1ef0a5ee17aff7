import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROMETHEUS_FOLDER, promtool } from './promtool.ts';

const read = (name: string): string => readFileSync(join(PROMETHEUS_FOLDER, name), 'utf8');

describe('the alerts', () => {
  it('and the configuration around them are valid', async () => {
    const { code, output } = await promtool(['check', 'config', 'prometheus.yml']);
    assert.equal(code, 0, output);
  });

  it('fire when they should, and only then', async () => {
    const { code, output } = await promtool(['test', 'rules', 'alerts.test.yml']);
    assert.equal(code, 0, output);
  });

  it('are all tested, firing and silent', () => {
    const names = Array.from(read('alerts.yml').matchAll(/- alert: (\w+)/g), ([, name = '']) => name);
    const tests = read('alerts.test.yml');
    assert.ok(names.length > 10);
    for (const name of names) {
      // A test without samples shows the alert silent; one with labels shows it firing.
      const asked = Array.from(tests.matchAll(new RegExp(`^.*alertname="${name}".*$`, 'gm')), ([line]) => line);
      assert.ok(
        asked.some((line) => line.includes('exp_samples: []')),
        `${name} is not shown to be silent`,
      );
      assert.ok(
        asked.some((line) => line.includes('labels: ')),
        `${name} is not shown to fire`,
      );
    }
  });
});
