import assert from 'node:assert/strict';
import { toNetwork } from './network.ts';

describe('The network of an address', () => {
  const networks = {
    '192.0.2.7': '192.0.2.7',
    '::ffff:192.0.2.7': '192.0.2.7',
    '::FFFF:c000:0207': '192.0.2.7',
    '0:0:0:0:0:ffff:192.0.2.7': '192.0.2.7',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:0DB8:0001:0002::1': '2001:db8:1:2::/64',
    '2001:db8::1': '2001:db8:0:0::/64',
    '2001:db8:1:3::1': '2001:db8:1:3::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '2001:DB8::1:ffff:ffff:ffff:ffff': '2001:db8:0:1::/64',
    '64:ff9b::192.0.2.7': '64:ff9b:0:0::/64',
    '::1': '0:0:0:0::/64',
    '::': '0:0:0:0::/64',
    'no address': 'no address',
  };
  for (const [address, network] of Object.entries(networks)) {
    it(`${address} is ${network}`, () => {
      assert.equal(toNetwork(address), network);
    });
  }
});
