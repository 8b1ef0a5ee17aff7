import { pickFreePorts } from 'testing';
import { describeDeaths, type MortalWay } from './nothing-lost/deaths.ts';

/** As many replicas of notifications as there ever are. */
const RECEIVERS = 5;

/** Straight to notifications: there is nothing between that could die, but those who are called may be gone. */
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
