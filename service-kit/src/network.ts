import { isIPv6 } from 'node:net';

/**
 * The network whose requests and attempts count together: an IPv4 address, or the /64 of an IPv6 address, which one person has
 * whole. Of an IPv4 address that is mapped into IPv6 (::ffff:192.0.2.7), the IPv4 address.
 */
export function toNetwork(address: string): string {
  const [bare = ''] = address.split('%', 1);
  if (!isIPv6(bare)) return bare;
  const groups = toGroups(bare);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight groups of an IPv6 address. */
function toGroups(address: string): number[] {
  // The URL parser writes the canonical form, in which an embedded IPv4 address is two groups.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = canonical.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}
