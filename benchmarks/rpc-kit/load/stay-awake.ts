/**
 * Keeps this process from sleeping until disposed. The process that writes to a sleeping one pays for the wake-up on each
 * call, and a slow one pays most; so the peer of a measured process stays awake.
 */
export function stayAwake(): Disposable {
  let awake = true;
  const turn = (): void => {
    if (awake) setImmediate(turn);
  };
  turn();
  return {
    [Symbol.dispose]() {
      awake = false;
    },
  };
}
