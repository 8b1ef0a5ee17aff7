import { type Dashboard, graph, number, orZero, quantile, quantiles, rate } from '../panels.ts';

/** A mesh without Kafka shows 0 for Kafka's metrics. */
export const events: Dashboard = {
  uid: 'order-mesh-events',
  title: 'outbox and Kafka',
  description: 'The path of order events: outbox, Kafka or RPC, consumer, notification, sinks.',
  rows: [
    {
      title: 'Now',
      panels: [
        number('Outbox: backlog', 'short', 'max(outbox_backlog)'),
        number('Outbox: lag', 's', 'max(outbox_lag_seconds)', { redFrom: 30 }),
        number('Consumer lag: messages', 'short', orZero('sum(max by (partition) (events_consumer_lag))'), {
          redFrom: 1_000,
        }),
        number('Dead letters', 'short', orZero('sum(max by (reason) (dead_letters))'), { redFrom: 1 }),
        number('Sinks: lag', 's', orZero('max(delivery_lag_seconds)'), { redFrom: 60 }),
        number('Deliveries given up', 'short', orZero('sum(deliveries_dead_total)'), { redFrom: 1 }),
      ],
    },
    {
      title: 'Outbox of loms',
      panels: [
        graph('Backlog', 'short', [{ expr: 'max(outbox_backlog)', legend: 'events' }]),
        graph('Delivered and failed', 'ops', [
          { expr: rate('outbox_delivered_total'), legend: 'delivered' },
          { expr: rate('outbox_delivery_failures_total'), legend: 'failed' },
        ]),
        graph('Delay from the change of an order to the delivery', 's', quantiles('outbox_delivery_delay_seconds')),
      ],
    },
    {
      title: 'Kafka',
      panels: [
        graph('Published', 'ops', [orZero(rate('events_published_total', ['result']))]),
        graph('Consumed', 'ops', [orZero(rate('events_consumed_total', ['result']))]),
        graph('Lag, by partition', 'short', [orZero('max by (partition) (events_consumer_lag)')]),
        graph('Partitions by instance', 'short', [orZero('sum by (instance) (events_partitions_assigned)')]),
        graph('Time since the last consumed message', 's', [
          { expr: orZero('time() - max(events_last_consumed_timestamp_seconds)'), legend: 'any partition' },
        ]),
        graph('New dead letters', 'ops', [orZero(rate('dead_letters_total', ['reason']))]),
      ],
    },
    {
      title: 'Notifications and sinks',
      panels: [
        graph('Stored', 'ops', [{ expr: rate('notifications_stored_total'), legend: 'stored' }]),
        graph('Backlog by sink', 'short', [orZero('max by (sink) (delivery_backlog)')]),
        graph('Delivered, failed, given up', 'ops', [
          { expr: orZero(rate('deliveries_total', ['sink'])), legend: 'delivered {{sink}}' },
          { expr: orZero(rate('delivery_failures_total', ['sink'])), legend: 'failed {{sink}}' },
          { expr: orZero(rate('deliveries_dead_total', ['sink'])), legend: 'given up {{sink}}' },
        ]),
        graph(
          'Calls of deliver, p99',
          's',
          [
            {
              expr: quantile(0.99, 'rpc_client_duration_seconds{service="loms", peer="notifications"}'),
              legend: 'p99',
            },
          ],
          { description: 'Only where events travel by RPC.' },
        ),
      ],
    },
  ],
};
