import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export function hashMetrics(registry: Registry, turns: () => { readonly taken: number; readonly waiting: number }) {
  new Gauge({
    name: 'password_hashes',
    help: 'Password hashes of this process, by state: running or waiting.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.set({ state: 'running' }, turns().taken);
      this.set({ state: 'waiting' }, turns().waiting);
    },
  });
  const refused = new Counter({
    name: 'password_hashes_refused_total',
    help: 'Calls that were refused because too many password hashes waited.',
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'password_hash_duration_seconds',
    help: 'How long one password hash took, without its wait.',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers: [registry],
  });
  return { refused, seconds };
}
