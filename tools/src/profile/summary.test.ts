import assert from 'node:assert/strict';
import { fromCpuProfile, fromHeapProfile, sumCosts } from './call-tree.ts';
import type { CpuProfile } from './cpu-profile.ts';
import { formatBytes, formatMicros, summarize } from './summary.ts';

const frame = (functionName: string, url = '', lineNumber = -1) => ({ functionName, url, lineNumber });

/** Of 10 ms 4 are idle; pay costs 1 itself and 3 in JSON.stringify, a package 2. */
const PROFILE: CpuProfile = {
  startTime: 0,
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 3, 5] },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('pay', 'file:///home/me/mesh/loms/src/domain/pay-order.ts', 11), children: [4] },
    { id: 4, callFrame: frame('stringify') },
    { id: 5, callFrame: frame('', 'file:///home/me/mesh/node_modules/pg/lib/client.js', 0) },
  ],
  samples: [2, 3, 4, 5, 2],
  timeDeltas: [0, 3_000, 1_000, 3_000, 2_000, 1_000],
};

describe('The summary of a profile', () => {
  it('counts idle time apart', () => {
    const { tree, idleMicros } = fromCpuProfile(PROFILE);
    assert.equal(idleMicros, 4_000);
    assert.deepEqual(
      tree.children.map(({ name, self, total }) => [name, self, total]),
      [
        ['pay', 1_000, 4_000],
        ['(anonymous)', 2_000, 2_000],
      ],
    );
  });

  it('restricts the sums to a window of the profile', () => {
    const { tree, idleMicros } = fromCpuProfile(PROFILE, { from: 3_000, to: 9_000 });
    assert.equal(tree.total, 6_000);
    assert.equal(idleMicros, 0);
  });

  it('reports a profile without samples', () => {
    const { tree } = fromCpuProfile({ nodes: [], samples: [], timeDeltas: [], startTime: 0 });
    assert.deepEqual(summarize(tree, { format: formatMicros }), ['Nothing was sampled.']);
  });

  it('attributes costs to functions, to packages and files, and to our innermost function', () => {
    const { functions, groups, causes } = sumCosts(fromCpuProfile(PROFILE).tree);
    assert.deepEqual(functions, [
      { what: 'stringify', cost: 3_000 },
      { what: '(anonymous)  node_modules/pg/lib/client.js:1', cost: 2_000 },
      { what: 'pay  loms/src/domain/pay-order.ts:12', cost: 1_000 },
    ]);
    assert.deepEqual(
      groups.map(({ what }) => what),
      ['(native)', 'pg', 'loms/src/domain/pay-order.ts'],
    );
    assert.deepEqual(causes, [
      { what: 'pay  loms/src/domain/pay-order.ts:12', cost: 4_000 },
      { what: 'outside of our code', cost: 2_000 },
    ]);
  });

  it('reads heap profiles, too, in which packages in CommonJS have paths as URLs', () => {
    const tree = fromHeapProfile({
      head: {
        callFrame: frame('(root)'),
        selfSize: 0,
        children: [
          {
            callFrame: frame('Query', '/home/me/mesh/node_modules/pg/lib/query.js', 8),
            selfSize: 2_500_000,
            children: [],
          },
        ],
      },
    });
    assert.deepEqual(
      summarize(tree, { format: formatBytes }).slice(0, 3),
      ['\nOwn cost by function', ' 100.0 %     2.5 MB  Query  node_modules/pg/lib/query.js:9'].concat(
        '\nOwn cost by package or file',
      ),
    );
  });
});
