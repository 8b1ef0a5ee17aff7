import assert from 'node:assert/strict';
import sinon from 'sinon';
import { sourceOf } from '../../test/endpoint-source.ts';
import { type ListedEndpoint, startEndpoints } from './endpoint-list.ts';

describe('the list of endpoints', () => {
  afterEach(() => sinon.restore());

  function start(list: Parameters<typeof startEndpoints>[0]) {
    const lists: (readonly ListedEndpoint[])[] = [];
    const running = startEndpoints(list, (endpoints) => lists.push(endpoints));
    return { lists, running };
  }

  it('consists of URLs, of entries and of what sources list, in this order, and is published once at the start', () => {
    const { source } = sourceOf('b', { url: 'c', zone: 'x' });
    const { lists } = start(['a', source, { url: 'd', weight: 2 }]);
    assert.deepEqual(lists, [[{ url: 'a' }, { url: 'b' }, { url: 'c', zone: 'x' }, { url: 'd', weight: 2 }]]);
  });

  it('follows each source, and keeps the last list of one that lists nothing', () => {
    const one = sourceOf('a');
    const other = sourceOf('b');
    const { lists } = start([one.source, other.source]);
    one.update('a', 'c');
    other.update();
    other.update('d');
    assert.deepEqual(
      lists.map((list) => list.map(({ url }) => url).join(' ')),
      ['a b', 'a c b', 'a c d'],
    );
  });

  it('takes the last entry of a URL', () => {
    const { lists } = start(['a', 'b', { url: 'a', version: '2' }]);
    assert.deepEqual(lists, [[{ url: 'a', version: '2' }, { url: 'b' }]]);
  });

  it('may be a single source', () => {
    const { source, update } = sourceOf('a');
    const { lists } = start(source);
    update('b');
    assert.deepEqual(lists, [[{ url: 'a' }], [{ url: 'b' }]]);
  });

  it('refuses weights outside their range, from a source too, whose last list stays', () => {
    for (const weight of [0, -1, 0.009, 101, Number.NaN]) {
      assert.throws(() => start([{ url: 'a', weight }]), {
        name: 'RangeError',
        message: `The weight of an endpoint is ${weight}, but has to be from 0.01 to 100`,
      });
    }
    const { source, update } = sourceOf('a');
    const other = sourceOf('b');
    const { lists } = start([source, other.source]);
    assert.throws(() => update({ url: 'a', weight: 0 }), RangeError);
    other.update('c');
    assert.deepEqual(lists.at(-1), [{ url: 'a' }, { url: 'c' }]);
  });

  it('stops every source when it is disposed of', () => {
    const sources = [sourceOf('a'), sourceOf('b')];
    const { running } = start(sources.map(({ source }) => source));
    running[Symbol.dispose]();
    for (const { stop } of sources) sinon.assert.calledOnce(stop);
  });
});
