/** Audit of services and their endpoints: AKS confidential containers take TCP over IPv4. */
import { hitAt } from './hits.js';
import { type Spot, spotAt, spotsIn, textIn } from './nodes.js';
import type { ManifestHit } from './rules.js';

type Hits = readonly ManifestHit[];

/** Kinds that are looked at here, with where their ports and addresses are. */
const AUDITS: Readonly<Record<string, (object: Spot) => readonly Spot[]>> = {
  Service: (object) => [
    ...spotsIn(object, 'spec', 'ipFamilies'),
    ...[spotAt(object, 'spec', 'ipFamilyPolicy'), spotAt(object, 'spec', 'clusterIP')].flatMap(
      (spot) => spot ?? [],
    ),
    ...['clusterIPs', 'externalIPs', 'loadBalancerSourceRanges'].flatMap((key) =>
      spotsIn(object, 'spec', key),
    ),
    ...[spotAt(object, 'spec', 'loadBalancerIP')].flatMap((spot) => spot ?? []),
  ],
  EndpointSlice: (object) => [spotAt(object, 'addressType')].flatMap((spot) => spot ?? []),
  Endpoints: (object) =>
    spotsIn(object, 'subsets').flatMap((subset) =>
      spotsIn(subset, 'addresses').flatMap((address) => spotAt(address, 'ip') ?? []),
    ),
};

const IPV6 = /:|^IPv6$|^(?:Prefer|Require)DualStack$/;

/** True for kinds that this looks at. */
export function isServiceKind(kind: string): boolean {
  return Object.hasOwn(AUDITS, kind);
}

/** All hits of a service or its endpoints; `subject` names it. */
export function auditService(kind: string, object: Spot, subject: string): Hits {
  const families = (AUDITS[kind]?.(object) ?? []).filter((spot) => IPV6.test(textIn(spot) ?? ''));
  const ports = [
    ...spotsIn(object, 'spec', 'ports'),
    ...spotsIn(object, 'ports'),
    ...spotsIn(object, 'subsets').flatMap((subset) => spotsIn(subset, 'ports')),
  ];
  return [
    ...families.map((spot) => hitAt('ipv6', `IPv6 is asked for: ${textIn(spot)}`, subject, spot)),
    ...ports.flatMap((port) => auditPort(port, subject)),
  ];
}

function auditPort(port: Spot, subject: string): Hits {
  const spot = spotAt(port, 'protocol');
  const protocol = textIn(spot) ?? 'TCP';
  if (spot === undefined || protocol === 'TCP') return [];
  const name = textIn(port, 'port') ?? textIn(port, 'name') ?? '';
  return [hitAt('non-tcp-service', `port ${name} uses ${protocol}`, subject, spot)];
}
