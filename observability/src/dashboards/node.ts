import { type Dashboard, graph, number, rate } from '../panels.ts';

const CHOSEN = 'service=~"$service"';
const INSTANCE = ['service', 'instance'];
const instance = '{{service}} {{instance}}';

export const node: Dashboard = {
  uid: 'order-mesh-node',
  title: 'Node processes',
  description: 'Event loop, memory, garbage collection and handles of every process.',
  variables: [{ name: 'service', label: 'service', query: 'label_values(process_start_time_seconds, service)' }],
  rows: [
    {
      title: 'Processes',
      panels: [
        number('Processes', 'none', `count(process_start_time_seconds{${CHOSEN}})`),
        number(
          'Started in the last hour',
          'none',
          `count(time() - process_start_time_seconds{${CHOSEN}} < 3600) or vector(0)`,
        ),
        number('Worst event loop lag, p99', 's', `max(nodejs_eventloop_lag_p99_seconds{${CHOSEN}})`, { redFrom: 0.2 }),
        graph('CPU', 'percentunit', [
          { expr: rate(`process_cpu_seconds_total{${CHOSEN}}`, INSTANCE), legend: instance },
        ]),
        graph('Event loop lag, p99', 's', [{ expr: `nodejs_eventloop_lag_p99_seconds{${CHOSEN}}`, legend: instance }], {
          redFrom: 0.2,
        }),
        graph('Event loop lag, mean', 's', [
          { expr: `nodejs_eventloop_lag_mean_seconds{${CHOSEN}}`, legend: instance },
        ]),
      ],
    },
    {
      title: 'Memory',
      panels: [
        graph('Resident', 'bytes', [{ expr: `process_resident_memory_bytes{${CHOSEN}}`, legend: instance }]),
        graph('Heap in use', 'bytes', [{ expr: `nodejs_heap_size_used_bytes{${CHOSEN}}`, legend: instance }]),
        graph('Outside the heap', 'bytes', [{ expr: `nodejs_external_memory_bytes{${CHOSEN}}`, legend: instance }]),
        graph('Time spent collecting garbage', 'percentunit', [
          rate(`nodejs_gc_duration_seconds_sum{${CHOSEN}}`, ['service', 'kind']),
        ]),
        graph('Heap by space', 'bytes', [`sum by (service, space) (nodejs_heap_space_size_used_bytes{${CHOSEN}})`]),
      ],
    },
    {
      title: 'Handles',
      panels: [
        graph('Sockets, timers and other resources', 'short', [
          `sum by (service, type) (nodejs_active_resources{${CHOSEN}})`,
        ]),
        graph('Open files and sockets', 'short', [{ expr: `process_open_fds{${CHOSEN}}`, legend: instance }]),
      ],
    },
  ],
};
