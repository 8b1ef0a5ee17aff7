import assert from 'node:assert/strict';
import sinon from 'sinon';
import { listeners, notify } from './notify.ts';

describe('telling a listener', () => {
  afterEach(() => sinon.restore());

  it('hands the event over', () => {
    const listener = sinon.spy();
    notify(listener, { attempt: 1 });
    sinon.assert.calledOnceWithExactly(listener, { attempt: 1 });
  });

  it('does nothing without one', () => {
    notify(undefined, {});
  });

  it('goes on when it throws, and warns of it once', () => {
    const emitWarning = sinon.stub(process, 'emitWarning');
    const mistake = new Error('a metric without its label');
    const listener = sinon.stub().throws(mistake);
    notify(listener, {});
    notify(listener, {});
    sinon.assert.calledTwice(listener);
    sinon.assert.calledOnce(emitWarning);
    assert.equal((emitWarning.firstCall.args[0] as Error).cause, mistake);
  });
});

describe('several listeners as one', () => {
  afterEach(() => sinon.restore());

  interface Events {
    open(event: { readonly why: string }): void;
    close(): void;
  }

  it('hear of the events that they have a callback for, in order', () => {
    const log: string[] = [];
    const on = listeners<Events>(
      { open: ({ why }) => log.push(`first: ${why}`) },
      { open: ({ why }) => log.push(`second: ${why}`), close: () => log.push('second: closed') },
    );
    on.open?.({ why: 'probe' });
    on.close?.();
    assert.deepEqual(log, ['first: probe', 'second: probe', 'second: closed']);
    assert.deepEqual(listeners(), {});
  });

  it('do not keep each other from hearing', () => {
    sinon.stub(process, 'emitWarning');
    const close = sinon.spy();
    listeners<Events>({ close: () => assert.fail('a listener') }, { close }).close?.();
    sinon.assert.calledOnce(close);
  });
});
