import { pickFreePorts } from 'testing';
import { describeDeaths, type MortalWay } from './nothing-lost/deaths.ts';

/** The highest number of replicas of notifications. */
const RECEIVERS = 5;

/** By RPC there is nothing between the services that could die, but the callees may have died. */
async function openRpc(): Promise<MortalWay> {
  const ports = await pickFreePorts(RECEIVERS);
  const nothing = async (): Promise<void> => {};
  return {
    loms: { NOTIFICATIONS_URL: ports.map((port) => `http://127.0.0.1:${port}`).join(',') },
    notifications: (index) => ({ PORT: String(ports[index]) }),
    killOne: nothing,
    killAll: nothing,
    revive: nothing,
    [Symbol.asyncDispose]: nothing,
  };
}

describeDeaths('by RPC', openRpc);
