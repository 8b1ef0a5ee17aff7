import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import sinon from 'sinon';
import { rawNumber } from '../../schema/json.ts';
import { EventStream } from './event-stream.ts';

const limits = { answerBytesMax: 100, heartbeatMs: 15_000, readerTimeoutMs: 30_000 };

/** A response whose socket takes nothing while it is full. */
class StubResponse extends EventEmitter {
  text = '';
  headersSent = false;
  destroyed = false;
  isFull = false;

  get writableNeedDrain(): boolean {
    return this.isFull;
  }

  writeHead(): void {
    this.headersSent = true;
  }

  write(text: string): boolean {
    this.text += text;
    return !this.isFull;
  }

  destroy(): void {
    this.destroyed = true;
  }

  drain(): void {
    this.isFull = false;
    this.emit('drain');
  }
}

describe('The events of a stream', () => {
  let clock: sinon.SinonFakeTimers;
  let response: StubResponse;
  let events: EventStream;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    response = new StubResponse();
    events = open('nr');
  });
  afterEach(() => {
    events[Symbol.dispose]();
    assert.equal(clock.countTimers(), 0);
    clock.restore();
  });

  const open = (id: string | undefined): EventStream => {
    events?.[Symbol.dispose]();
    const finish = (text: string) => response.write(text);
    return new EventStream(response as unknown as ServerResponse, { limits, headers: new Map(), id, finish });
  };

  it('have the id of their item, however large, and their data on one line', async () => {
    await events.emit({ nr: 1, text: 'a\nb\r\u2028' });
    await events.emit({ nr: rawNumber('9223372036854775808') });
    await events.emit({ nr: rawNumber('1e400') });
    events.end();
    assert.equal(
      response.text,
      [
        'id: 1\ndata: {"nr":1,"text":"a\\nb\\r\u2028"}\n\n',
        'id: 9223372036854775808\ndata: {"nr":9223372036854775808}\n\n',
        'id: 1e400\ndata: {"nr":1e400}\n\n',
        'event: end\ndata: {}\n\n',
      ].join(''),
    );
  });

  it('have no id where the contract names none', async () => {
    events = open(undefined);
    await events.emit({ nr: 1 });
    assert.equal(response.text, 'data: {"nr":1}\n\n');
  });

  it('have no id with a line break, which could pretend to be another event', async () => {
    await assert.rejects(events.emit({ nr: '1\ndata: forged' }), { code: 'internal', message: 'Internal error' });
    assert.equal(response.text, '');
  });

  it('are no larger than an answer may be', async () => {
    await assert.rejects(events.emit({ nr: 1, text: 'x'.repeat(100) }), { code: 'internal' });
    assert.equal(response.headersSent, false);
  });

  it('are followed by a comment after a silence, which begins the answer when there was no item', async () => {
    clock.tick(limits.heartbeatMs - 1);
    assert.equal(events.hasBegun, false);
    clock.tick(1);
    assert.deepEqual([events.hasBegun, response.text], [true, ':\n\n']);
    clock.tick(limits.heartbeatMs - 1);
    await events.emit({ nr: 1 });
    clock.tick(limits.heartbeatMs - 1);
    assert.equal(response.text, ':\n\nid: 1\ndata: {"nr":1}\n\n');
    clock.tick(1);
    assert.equal(response.text, ':\n\nid: 1\ndata: {"nr":1}\n\n:\n\n');
  });

  it('wait for a slow reader, without comments', async () => {
    response.isFull = true;
    const emitted = sinon.spy();
    const work = events.emit({ nr: 1 }).then(emitted);
    await clock.tickAsync(limits.readerTimeoutMs - 1);
    sinon.assert.notCalled(emitted);
    assert.equal(response.text, 'id: 1\ndata: {"nr":1}\n\n');
    response.drain();
    await work;
    await clock.tickAsync(limits.readerTimeoutMs);
    assert.equal(response.destroyed, false);
  });

  it('drop a reader that takes nothing for too long, also when a comment was the first that it did not take', async () => {
    response.isFull = true;
    void events.emit({ nr: 1 });
    clock.tick(limits.readerTimeoutMs);
    assert.equal(response.destroyed, true);
    events[Symbol.dispose]();
    response = new StubResponse();
    events = open('nr');
    response.write = (text) => {
      response.text += text;
      response.isFull = true;
      return false;
    };
    clock.tick(limits.heartbeatMs + limits.readerTimeoutMs);
    assert.deepEqual([response.text, response.destroyed], [':\n\n', true]);
  });

  it('end with an error, and with the pause after which a browser comes back', () => {
    events.fail({ error: { code: 'unavailable' } }, 250.5);
    assert.equal(response.text, 'retry: 251\nevent: error\ndata: {"error":{"code":"unavailable"}}\n\n');
  });

  it('end within a second, also for a reader that takes nothing, so that a stop is not held up', () => {
    for (const takes of [true, false]) {
      response = new StubResponse();
      events = open('nr');
      response.isFull = true;
      void events.emit({ nr: 1 });
      events.end();
      events[Symbol.dispose]();
      if (takes) response.emit('close');
      clock.tick(1_000);
      assert.equal(response.destroyed, !takes);
    }
  });

  it('write nothing to a connection that is closed', async () => {
    response.destroyed = true;
    await assert.rejects(events.emit({ nr: 1 }), { code: 'cancelled' });
    events.end();
    assert.equal(response.text, '');
  });

  it('take no item after the end of the call', async () => {
    response.isFull = true;
    events.end();
    events[Symbol.dispose]();
    response.emit('close');
    await assert.rejects(events.emit({ nr: 1 }), { code: 'cancelled' });
    assert.equal(response.text, 'event: end\ndata: {}\n\n');
  });
});
