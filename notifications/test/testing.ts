export { startEventConsumer } from '../src/kafka/consumer.ts';
export { journalOf, startNotifications, type Announced } from './in-process.ts';
export { type Entry, readJournal } from './journal-ground.ts';
export { eventually } from './kafka/consumer-ground.ts';
