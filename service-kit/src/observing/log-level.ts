import type { Logger } from 'pino';

/**
 * SIGUSR2 makes the logger tell every statement and every call to another service (`debug`), and the next one takes that
 * back: what is going on can be seen without a restart, which would often end what one wants to see.
 */
export function switchLogLevelOnSignal(logger: Logger): Disposable {
  const configured = logger.level;
  const onSignal = (): void => {
    logger.level = logger.level === 'debug' ? configured : 'debug';
    logger.info({ level_now: logger.level }, 'log level switched');
  };
  process.on('SIGUSR2', onSignal);
  return {
    [Symbol.dispose]() {
      process.off('SIGUSR2', onSignal);
    },
  };
}
