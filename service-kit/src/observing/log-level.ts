import type { Logger } from 'pino';

/**
 * SIGUSR2 switches the log level to `debug`, which logs every statement and every call to another service; the next one
 * switches back. A restart would often end the problem that the operator wants to see.
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
