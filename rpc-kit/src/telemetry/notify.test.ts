import assert from 'node:assert/strict';
import sinon from 'sinon';
import { notify } from './notify.ts';

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
