export { type KafkaBroker, type KafkaBrokerOptions, spawnKafkaBroker } from './kafka-broker.ts';
export { missingForKafka } from './kafka-jars.ts';
