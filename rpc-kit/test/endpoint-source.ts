import sinon from 'sinon';
import type { EndpointEntry, EndpointSource } from '../src/calling/endpoint-list.ts';

/** A source whose lists the test provides. */
export function sourceOf(...first: EndpointEntry[]) {
  let update: (entries: readonly EndpointEntry[]) => void = () => {};
  const stop = sinon.spy();
  const source: EndpointSource = {
    start(given) {
      update = given;
      update(first);
      return { [Symbol.dispose]: stop };
    },
  };
  return { source, stop, update: (...entries: EndpointEntry[]) => update(entries) };
}
