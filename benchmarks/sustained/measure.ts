import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample } from '../harness/closed-loop.ts';
import type { OpenSample } from '../harness/open-loop.ts';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import { type Cpu, cpuBetween, readCpu } from './cpu.ts';
import { countDelivered, type EventFigures, readEvents, untilDelivered } from './events.ts';
import { holdEvents, releaseEvents } from './held-events.ts';
import { openSustainedMesh, type SustainedMesh, type Way } from './mesh.ts';
import { profileServices, type ServiceProfile } from './profiles.ts';

export interface Plan {
  /** Orders in flight in the closed loop. */
  readonly clients: number;
  readonly warmUpSeconds: number;
  readonly closedSeconds: number;
  /** Of the open loop. */
  readonly seconds: number;
  /** Of each of the two open loops without delivery. */
  readonly withoutSeconds: number;
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
  readonly orders: OpenSample;
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
  readonly orderMicros: number;
  /** Of an order without delivery. */
  readonly orderAloneMicros: number;
  /** The difference, for each event that was delivered. */
  readonly eventMicros: number;
  /** Of an event while no orders are made. */
  readonly drainedEventMicros: number;
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

  const without = [await offerHeld(mesh, load, perSecond, plan.withoutSeconds)];
  log(`${way}: with delivery, for ${plan.seconds} s`);
  const full = await offer(mesh, load, perSecond, plan.seconds);
  await drain(mesh);
  const events = await readEvents(mesh.database, mesh.journal, full.orders);
  const delivered = await countDelivered(mesh.journal, full);
  // Before and after, since tables grow and the machine's speed changes.
  without.push(await offerHeld(mesh, load, perSecond, plan.withoutSeconds));
  const profiles = plan.profileSeconds ? await profileUnderLoad(mesh, load, perSecond, plan.profileSeconds) : [];
  for (const profile of profiles) await onProfile(profile, perSecond);
  return {
    way,
    capacity,
    offeredPerSecond: perSecond,
    orders: full.orders,
    events,
    costs: toCosts(full, delivered, without),
    drainedPerSecond: Math.min(...without.map(({ drained }) => drained.perSecond)),
    allocations: toAllocations(profiles, perSecond),
  };
}

/** Attributes the CPU time of each process to orders and to events. */
function toCosts({ orders, cpu }: Offered, delivered: number, without: readonly Held[]): Cost[] {
  const ordersAlone = sum(without.map((held) => held.orders.succeeded));
  const eventsAlone = sum(without.map(({ drained }) => drained.events));
  return [...cpu].map(([process, micros]) => {
    const orderMicros = micros / orders.succeeded;
    const orderAloneMicros = sum(without.map((held) => held.cpu.get(process) ?? 0)) / ordersAlone;
    return {
      process,
      orderMicros,
      orderAloneMicros,
      eventMicros: ((orderMicros - orderAloneMicros) * orders.succeeded) / delivered,
      drainedEventMicros: sum(without.map(({ drained }) => drained.cpu.get(process) ?? 0)) / eventsAlone,
    };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
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
  readonly orders: OpenSample;
  readonly cpu: Cpu;
  /** The time of the CPU figures, by Date.now(). */
  readonly from: number;
  readonly to: number;
}

async function offer(mesh: SustainedMesh, load: BenchProcess, perSecond: number, seconds: number): Promise<Offered> {
  const port = Number(new URL(mesh.mesh.urls.loms).port);
  const before = readCpu(mesh);
  const from = Date.now();
  const orders = await load.ask<OpenSample>(
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

interface Held extends Offered {
  readonly drained: Drained;
}

/** The same load while no event is delivered, and then the delivery of its events while no orders are made. */
async function offerHeld(mesh: SustainedMesh, load: BenchProcess, perSecond: number, seconds: number): Promise<Held> {
  await holdEvents(mesh.database);
  const offered = await offer(mesh, load, perSecond, seconds);
  return { ...offered, drained: await measureDrain(mesh) };
}

interface Drained {
  readonly cpu: Cpu;
  readonly events: number;
  readonly perSecond: number;
}

async function measureDrain(mesh: SustainedMesh): Promise<Drained> {
  const before = readCpu(mesh);
  const from = Date.now();
  await releaseEvents(mesh.database);
  await drain(mesh);
  const [cpu, to] = [cpuBetween(before, readCpu(mesh)), Date.now()];
  const events = await countDelivered(mesh.journal, { from, to });
  return { cpu, events, perSecond: (events * 1_000) / (to - from) };
}

async function drain({ database }: SustainedMesh): Promise<void> {
  const left = await untilDelivered(database, DRAIN_TIMEOUT_MS);
  if (left > 0) throw new Error(`${left} events are undelivered ${DRAIN_TIMEOUT_MS / 1_000} s after the last order.`);
}
