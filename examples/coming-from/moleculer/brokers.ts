import { type BrokerOptions, ServiceBroker } from 'moleculer';

/** A node of its own in the same process, as a process of its own would be one. Nodes find each other by these addresses. */
export function createBroker(nodeID: string, ports: Readonly<Record<string, number>>): ServiceBroker {
  const urls = Object.entries(ports)
    .map(([node, port]) => `tcp://127.0.0.1:${port}/${node}`)
    .join();
  const options: BrokerOptions = {
    nodeID,
    logger: false,
    requestTimeout: 500,
    transporter: { type: 'TCP', options: { udpDiscovery: false, port: ports[nodeID], urls } },
  };
  return new ServiceBroker(options);
}
