import assert from 'node:assert/strict';
import { once } from 'node:events';
import { pino } from 'pino';
import { switchLogLevelOnSignal } from './log-level.ts';

describe('the log level of a running service', () => {
  const lines: { level: number; msg: string; level_now?: string }[] = [];
  const create = (level: string) => pino({ level }, { write: (line: string) => lines.push(JSON.parse(line)) });

  /** The process's own signal, as an operator sends it. */
  async function signal(): Promise<void> {
    const arrived = once(process, 'SIGUSR2');
    process.kill(process.pid, 'SIGUSR2');
    await arrived;
  }

  beforeEach(() => lines.splice(0));

  it('is debug after SIGUSR2, and the configured level after another one', async () => {
    const logger = create('info');
    using _switching = switchLogLevelOnSignal(logger);
    logger.debug('before');
    await signal();
    logger.debug('between');
    await signal();
    logger.debug('after');
    assert.deepEqual(
      lines.map(({ msg, level_now }) => [msg, level_now]),
      [
        ['log level switched', 'debug'],
        ['between', undefined],
        ['log level switched', 'info'],
      ],
    );
  });

  it('stays as it is once the service ends', async () => {
    const logger = create('info');
    switchLogLevelOnSignal(logger)[Symbol.dispose]();
    // Without a listener, the signal would end the process.
    using _alive = switchLogLevelOnSignal(create('info'));
    await signal();
    assert.equal(logger.level, 'info');
  });
});
