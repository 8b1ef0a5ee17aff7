/** What benchmarks and tests of other packages may use of loms besides its contract. */
export { ensureTopic } from '../src/outbox/kafka-topic.ts';
export { createEventQueue } from '../src/outbox/rows.ts';
export { createStore } from '../src/repository/store.ts';
export { type LomsOptions, startLoms } from './in-process.ts';
export { type Loms, openLoms, outboxToDrain } from './loms-fixture.ts';
export { createOrder, settleOrder } from './one-order.ts';
