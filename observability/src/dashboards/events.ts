import { type Dashboard, graph, number, orZero, quantile, quantiles, rate } from '../panels.ts';

/** What only a mesh with Kafka has is shown as 0 without. */
export const events: Dashboard = {
  uid: 'order-mesh-events',
  title: 'outbox and Kafka',
  description: 'The way of order events: outbox, Kafka or RPC, consumer, notification, sinks.',
  rows: [
    {
      title: 'Now',
      panels: [
        number('Outbox: events', 'short', 'max(outbox_backlog)'),
        number('Outbox: oldest', 's', 'max(outbox_lag_seconds)', { redFrom: 30 }),
        number('Consumers: messages behind', 'short', orZero('sum(max by (partition) (events_consumer_lag))'), {
          redFrom: 1_000,
        }),
        number('Dead letters', 'short', orZero('sum(max by (reason) (dead_letters))'), { redFrom: 1 }),
        number('Sinks: oldest', 's', orZero('max(delivery_lag_seconds)'), { redFrom: 60 }),
        number('Deliveries given up', 'short', orZero('sum(deliveries_dead_total)'), { redFrom: 1 }),
      ],
    },
    {
      title: 'Outbox of loms',
      panels: [
        graph('Events not delivered', 'short', [{ expr: 'max(outbox_backlog)', legend: 'events' }]),
        graph('Delivered, and failed deliveries', 'ops', [
          { expr: rate('outbox_delivered_total'), legend: 'delivered' },
          { expr: rate('outbox_delivery_failures_total'), legend: 'failed' },
        ]),
        graph("From an order's change to the delivery", 's', quantiles('outbox_delivery_delay_seconds')),
      ],
    },
    {
      title: 'Kafka',
      panels: [
        graph('Published', 'ops', [orZero(rate('events_published_total', ['result']))]),
        graph('Consumed', 'ops', [orZero(rate('events_consumed_total', ['result']))]),
        graph('Behind, by partition', 'short', [orZero('max by (partition) (events_consumer_lag)')]),
        graph('Partitions by consumer', 'short', [orZero('sum by (instance) (events_partitions_assigned)')]),
        graph('Since the last message was taken', 's', [
          { expr: orZero('time() - max(events_last_consumed_timestamp_seconds)'), legend: 'any partition' },
        ]),
        graph('Became dead letters', 'ops', [orZero(rate('dead_letters_total', ['reason']))]),
      ],
    },
    {
      title: 'Notifications and sinks',
      panels: [
        graph('Stored', 'ops', [{ expr: rate('notifications_stored_total'), legend: 'stored' }]),
        graph('Waiting for a sink', 'short', [orZero('max by (sink) (delivery_backlog)')]),
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
          { description: 'Where events travel by RPC.' },
        ),
      ],
    },
  ],
};
