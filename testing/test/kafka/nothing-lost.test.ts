import { startMortalKafka } from 'testing';
import { describeDeaths, type MortalWay } from '../nothing-lost/deaths.ts';

const BROKERS = 3;

/** As in docker-compose.yml: three brokers hold each message, and two have to acknowledge it. */
async function openKafka(): Promise<MortalWay> {
  const kafka = await startMortalKafka(BROKERS);
  const dead = new Set<number>();
  const kill = async (broker: number): Promise<void> => {
    dead.add(broker);
    await kafka.kill(broker);
  };
  const brokers = { KAFKA_BROKERS: kafka.addresses };
  return {
    loms: { ...brokers, KAFKA_REPLICATION: String(BROKERS) },
    notifications: () => brokers,
    killOne: () => kill(0),
    async killAll() {
      await Promise.all(Array.from({ length: BROKERS }, (_, broker) => (dead.has(broker) ? undefined : kill(broker))));
    },
    async revive() {
      await Promise.all([...dead].map((broker) => kafka.startAgain(broker)));
      dead.clear();
    },
    [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
  };
}

describeDeaths('through three brokers of Kafka', openKafka);
