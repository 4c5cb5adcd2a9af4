/**
 * Kinds of network addresses. A registry may send a client elsewhere (redirect, token service); that must not reach
 * into the user's machine, network or cloud metadata service unless the registry itself is in there.
 */
import { BlockList, isIP } from 'node:net';

/** `forbidden`: never the target of a redirect: link-local, cloud platform services, unspecified, multicast. */
export type AddressKind = 'public' | 'private' | 'loopback' | 'forbidden';

const KINDS: readonly (readonly [Exclude<AddressKind, 'public'>, readonly string[]])[] = [
  [
    'forbidden',
    [
      '0.0.0.0/8',
      // Link-local; 169.254.169.254 is the metadata service of most clouds, 168.63.129.16 Azure's wire server,
      // 192.0.0.192 and 100.100.100.200 those of Oracle and Alibaba, fd00:ec2::254 Amazon's.
      '169.254.0.0/16',
      '168.63.129.16/32',
      '192.0.0.0/24',
      '100.100.100.200/32',
      '224.0.0.0/4',
      '240.0.0.0/4',
      '::/128',
      'fe80::/10',
      'fd00:ec2::254/128',
      'ff00::/8',
      // 6to4 and Teredo hide an IPv4 address and are out of use.
      '2002::/16',
      '2001::/32',
    ],
  ],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  [
    'private',
    [
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10',
      '198.18.0.0/15',
      'fc00::/7',
      'fec0::/10',
    ],
  ],
];
/** Names that stand for such an address wherever they are looked up, also behind a proxy. */
const METADATA_NAMES = ['metadata.google.internal', 'metadata', 'instance-data'];

const LISTS = KINDS.map(([kind, subnets]) => ({ kind, list: blockList(subnets) }));

/** A redirect from a registry of one kind may lead to these. */
const REACHABLE: Readonly<Record<AddressKind, readonly AddressKind[]>> = {
  public: ['public'],
  private: ['public', 'private'],
  loopback: ['public', 'private', 'loopback'],
  forbidden: ['public'],
};

/** The kind of an IPv4 or IPv6 address, without brackets. IPv4 inside IPv6 counts as what it carries. */
export function kindOfAddress(address: string): AddressKind {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return LISTS.find(({ list }) => list.check(address, family))?.kind ?? 'public';
}

/** The kind of a URL's host as far as its text tells: undefined for a name that has to be looked up. */
export function kindOfHost(hostname: string): AddressKind | undefined {
  const host = hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  if (isIP(host) !== 0) return kindOfAddress(host);
  if (host === 'localhost' || host.endsWith('.localhost')) return 'loopback';
  return METADATA_NAMES.includes(host) ? 'forbidden' : undefined;
}

/** True for localhost and loopback addresses: the only hosts with which plain HTTP needs no permission. */
export function isLoopbackHost(hostname: string): boolean {
  return kindOfHost(hostname) === 'loopback';
}

/** True if a registry at an address of kind `home` may send its clients to one of kind `target`. */
export function mayLeadTo(home: AddressKind, target: AddressKind): boolean {
  return REACHABLE[home].includes(target);
}

/** Subnets, and for IPv4 the same inside the NAT64 prefix (BlockList itself knows IPv4-mapped IPv6). */
function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', bits = ''] = subnet.split('/');
    const isV6 = address.includes(':');
    list.addSubnet(address, Number(bits), isV6 ? 'ipv6' : 'ipv4');
    if (!isV6) list.addSubnet(`64:ff9b::${address}`, 96 + Number(bits), 'ipv6');
  }
  return list;
}
