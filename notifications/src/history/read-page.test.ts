import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Context, Notification } from '../domain/ports.ts';
import type { History } from './history.ts';
import { readPage } from './read-page.ts';

const period = { user: 42n, from: new Date(0), to: new Date(1_000) };
const context: Context = new AbortController();

describe('readPage', () => {
  it('reads one notification more than the page holds, from the position on', async () => {
    const history = createHistory(0);
    const after = { at: new Date(500), orderID: 7n, seq: 2 };
    await readPage(history, period, { limit: 10, after }, context);
    sinon.assert.calledOnceWithExactly(history.read, period, 11, after, context);
  });

  it('returns an empty page without an end if there are no notifications', async () => {
    assert.deepEqual(await readPage(createHistory(0), period, { limit: 3 }, context), { notifications: [] });
  });

  it('returns no end if the full page is the last one', async () => {
    const page = await readPage(createHistory(3), period, { limit: 3 }, context);
    assert.equal(page.notifications.length, 3);
    assert.equal('end' in page, false);
  });

  it('ends at its last notification if another page follows', async () => {
    const page = await readPage(createHistory(4), period, { limit: 3 }, context);
    assert.deepEqual(
      page.notifications.map(({ seq }) => seq),
      [4, 3, 2],
    );
    assert.deepEqual(page.end, { at: new Date(2), orderID: 7n, seq: 2 });
  });
});

/** A history of so many notifications, newest first. */
function createHistory(count: number) {
  const found = Array.from({ length: count }, (_, index): Notification => {
    const seq = count - index;
    return { eventID: '', orderID: 7n, seq, user: 42n, status: 'new', at: new Date(seq), text: `${seq}` };
  });
  return { read: sinon.stub<Parameters<History['read']>>().resolves(found) };
}
