import assert from 'node:assert/strict';
import sinon from 'sinon';
import { notify } from './notify.ts';

describe('notifying a listener', () => {
  afterEach(() => sinon.restore());

  it('passes the event on', () => {
    const listener = sinon.spy();
    notify(listener, { attempt: 1 });
    sinon.assert.calledOnceWithExactly(listener, { attempt: 1 });
  });

  it('does nothing without one', () => {
    notify(undefined, {});
  });

  it('continues when it throws, and warns once', () => {
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
