/**
 * Keeps this process from sleeping until disposed. Whoever writes to a sleeping process pays for waking it and is often
 * put aside for it, once a call; that would count most against those that are slow already. So what stands on the other
 * end of a measured process does not sleep while it is measured.
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
