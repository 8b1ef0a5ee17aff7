import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample } from '../harness/closed-loop.ts';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import { type Cpu, cpuBetween, handlesOnlyEvents, isBystander, readCpu } from './cpu.ts';
import { countDelivered, type EventFigures, readEvents, untilDelivered } from './events.ts';
import { type HeldEvent, holdEvents, releaseEvents, replayEvents, takeHeldEvents } from './held-events.ts';
import type { OpenOrders } from './load.ts';
import { openSustainedMesh, type SustainedMesh, type Way } from './mesh.ts';
import { profileServices, type ServiceProfile } from './profiles.ts';

export interface Plan {
  /** Orders in flight in the closed loop. */
  readonly clients: number;
  readonly warmUpSeconds: number;
  readonly closedSeconds: number;
  /** Of the open loop. */
  readonly seconds: number;
  /** Of each of the two open loops whose events are delivered later. */
  readonly aloneSeconds: number;
  /** Orders a second of the open loops, in place of 0.9 of what the closed loop makes. */
  readonly rate?: number | undefined;
  /** The folder of the project to run. */
  readonly checkout?: string | undefined;
  /** Of each profile, which are taken in an open loop of their own. */
  readonly profileSeconds?: number | undefined;
  readonly log: (line: string) => void;
}

export interface WayFigures {
  readonly way: Way;
  /** Orders a second in the closed loop. */
  readonly capacity: number;
  readonly offeredPerSecond: number;
  readonly orders: OpenOrders;
  readonly events: EventFigures;
  readonly costs: readonly Cost[];
  /** Events a second of the backlog, while no orders are made. */
  readonly drainedPerSecond: number;
  /** Only with profiles. */
  readonly allocations: readonly Allocation[];
}

/** Of one service, for an order with its events. */
export interface Allocation {
  readonly service: string;
  readonly bytesPerOrder: number;
}

/** Microseconds of CPU of one process. */
export interface Cost {
  readonly process: string;
  /** Of an order with the delivery of its events. */
  readonly bothMicros: number;
  readonly orderMicros: number;
  /** Of an event at the pace of the orders; of loms, while no orders are made. */
  readonly eventMicros: number;
  /** Of an event from a backlog, while no orders are made. */
  readonly backlogEventMicros: number;
}

const OFFERED_SHARE = 0.9;
/** The slowest delivery so far left a backlog of two minutes. */
const DRAIN_TIMEOUT_MS = 240_000;
/** Of the load before the first profile and after the last one. */
const PROFILE_MARGIN_S = 3;
const REPLY_GRACE_MS = 60_000;

/** @param onProfile called with each profile while its file exists */
export async function measureWay(
  way: Way,
  plan: Plan,
  onProfile: (profile: ServiceProfile, perSecond: number) => Promise<void>,
): Promise<WayFigures> {
  const { log } = plan;
  await using mesh = await openSustainedMesh(way, plan.checkout);
  await using load = startProcess(new URL('load.ts', import.meta.url));

  const capacity = await measureCapacity(mesh, load, plan);
  const perSecond = plan.rate ?? capacity * OFFERED_SHARE;
  log(`${way}: ${capacity.toFixed(0)} orders a second in the closed loop; offering ${perSecond.toFixed(0)} a second`);
  await drain(mesh);

  const full = await offer(mesh, load, perSecond, plan.seconds);
  await drain(mesh);
  const events = await readEvents(mesh.database, mesh.journal, full.orders);
  const { events: delivered } = await countDelivered(mesh.journal, full);
  log(`${way}: events alone, at the pace of the orders and from a backlog`);
  const paced = await measureHeld(mesh, load, perSecond, plan.aloneSeconds, (held) =>
    replayEvents(mesh.database, held),
  );
  const backlog = await measureHeld(mesh, load, perSecond, plan.aloneSeconds, (held) =>
    releaseEvents(mesh.database, held),
  );
  const profiles = plan.profileSeconds ? await profileUnderLoad(mesh, load, perSecond, plan.profileSeconds) : [];
  for (const profile of profiles) await onProfile(profile, perSecond);
  return {
    way,
    capacity,
    offeredPerSecond: perSecond,
    orders: full.orders,
    events,
    costs: toCosts(full, delivered, paced, backlog),
    drainedPerSecond: backlog.events / backlog.seconds,
    allocations: toAllocations(profiles, perSecond),
  };
}

/** What an order costs is what is left without its events. */
function toCosts({ orders, cpu }: Offered, delivered: number, paced: Alone, backlog: Alone): Cost[] {
  return [...cpu].map(([process, micros]) => {
    const ofEvents = (of: Cpu, events: number): number => (isBystander(process) ? 0 : (of.get(process) ?? 0) / events);
    const eventMicros = handlesOnlyEvents(process) ? micros / delivered : ofEvents(paced.cpu, paced.events);
    return {
      process,
      bothMicros: micros / orders.succeeded,
      orderMicros: (micros - eventMicros * delivered) / orders.succeeded,
      eventMicros,
      backlogEventMicros: ofEvents(backlog.cpu, backlog.events),
    };
  });
}

/** Orders a second that loms accepts while it also delivers their events, as fast as it does. */
async function measureCapacity({ mesh }: SustainedMesh, load: BenchProcess, plan: Plan): Promise<number> {
  const port = Number(new URL(mesh.urls.loms).port);
  const timing = {
    concurrency: plan.clients,
    warmUpMs: plan.warmUpSeconds * 1_000,
    measureMs: plan.closedSeconds * 1_000,
  };
  const timeoutMs = timing.warmUpMs + timing.measureMs + REPLY_GRACE_MS;
  const { calls, seconds, failures } = await load.ask<Sample>('closed', { port, timing }, timeoutMs);
  if (calls === 0) throw new Error(`No order was made and paid in the closed loop; ${failures} failed.`);
  return calls / seconds;
}

interface Offered {
  readonly orders: OpenOrders;
  readonly cpu: Cpu;
  /** The time of the CPU figures, by Date.now(). */
  readonly from: number;
  readonly to: number;
}

async function offer(mesh: SustainedMesh, load: BenchProcess, perSecond: number, seconds: number): Promise<Offered> {
  const port = Number(new URL(mesh.mesh.urls.loms).port);
  const before = readCpu(mesh);
  const from = Date.now();
  const orders = await load.ask<OpenOrders>(
    'open',
    { port, pace: { perSecond, seconds } },
    seconds * 1_000 + REPLY_GRACE_MS,
  );
  const cpu = cpuBetween(before, readCpu(mesh));
  return { orders, cpu, from, to: Date.now() };
}

/** A load of its own, since a profile costs CPU time. */
async function profileUnderLoad(mesh: SustainedMesh, load: BenchProcess, perSecond: number, seconds: number) {
  const [profiles] = await Promise.all([
    sleep(PROFILE_MARGIN_S * 1_000).then(() => profileServices(mesh.mesh, seconds)),
    offer(mesh, load, perSecond, 2 * (PROFILE_MARGIN_S + seconds)),
  ]);
  return profiles;
}

function toAllocations(profiles: readonly ServiceProfile[], perSecond: number): Allocation[] {
  return profiles
    .filter(({ kind }) => kind === 'allocations')
    .map(({ service, seconds, profile }) => ({ service, bytesPerOrder: profile.tree.total / (perSecond * seconds) }));
}

interface Alone {
  readonly cpu: Cpu;
  readonly events: number;
  /** From the first to the last journal entry. */
  readonly seconds: number;
}

/** Makes orders whose events are held, then measures the delivery of these events while no orders are made. */
async function measureHeld(
  mesh: SustainedMesh,
  load: BenchProcess,
  perSecond: number,
  seconds: number,
  release: (events: readonly HeldEvent[]) => Promise<void>,
): Promise<Alone> {
  const { database, journal } = mesh;
  await holdEvents(database);
  await offer(mesh, load, perSecond, seconds);
  const held = await takeHeldEvents(database);
  const before = readCpu(mesh);
  const from = Date.now();
  await release(held);
  await drain(mesh);
  const cpu = cpuBetween(before, readCpu(mesh));
  return { cpu, ...(await countDelivered(journal, { from, to: Date.now() })) };
}

async function drain({ database }: SustainedMesh): Promise<void> {
  const left = await untilDelivered(database, DRAIN_TIMEOUT_MS);
  if (left > 0) throw new Error(`${left} events are undelivered ${DRAIN_TIMEOUT_MS / 1_000} s after the last order.`);
}
