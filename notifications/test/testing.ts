export { startEventConsumer } from '../src/consumer/event-consumer.ts';
export { journalOf, startNotifications, type Told } from './in-process.ts';
export { type Entry, readJournal } from './journal-ground.ts';
export { eventually } from './kafka/consumer-ground.ts';
