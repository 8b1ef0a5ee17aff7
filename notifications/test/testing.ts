export { startEventConsumer } from '../src/kafka/consumer.ts';
export { type Announced, journalOf, startNotifications } from './in-process.ts';
export { type Entry, readJournal } from './journal-ground.ts';
