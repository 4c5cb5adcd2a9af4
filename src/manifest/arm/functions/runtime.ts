/** Functions whose results are not known before the deployment, or that are not evaluated here. */
import { type Unknown, unknownBecause } from '../value.js';

const AT_DEPLOYMENT = 'is known at deployment only';
const NOT_EVALUATED = 'is not evaluated by podseal';

/** Names in lower case -> name as documented, and why. */
const RUNTIME: Readonly<Record<string, readonly [string, string]>> = Object.fromEntries(
  [
    ...[
      'deployer',
      'deployment',
      'environment',
      'externalInput',
      'managementGroup',
      'managementGroupResourceId',
      'newGuid',
      'pickZones',
      'providers',
      'reference',
      'references',
      'resourceGroup',
      'resourceId',
      'roleDefinitions',
      'subscription',
      'subscriptionResourceId',
      'tenant',
      'toLogicalZone',
      'toLogicalZones',
      'toPhysicalZone',
      'toPhysicalZones',
      'utcNow',
    ].map((name) => [name, AT_DEPLOYMENT] as const),
    ...[
      'buildUri',
      'cidrHost',
      'cidrSubnet',
      'dateTimeAdd',
      'dateTimeFromEpoch',
      'dateTimeToEpoch',
      'parseCidr',
      'parseUri',
    ].map((name) => [name, NOT_EVALUATED] as const),
  ].map(([name, why]) => [name.toLowerCase(), [name, why] as const]),
);

/** The unknown result of such a function; undefined for any other name. */
export function runtimeResult(written: string): Unknown | undefined {
  const name = written.toLowerCase();
  if (/^list[a-z]*$/.test(name)) return unknownBecause(`${written}() ${AT_DEPLOYMENT}`);
  const row = Object.hasOwn(RUNTIME, name) ? RUNTIME[name] : undefined;
  return row === undefined ? undefined : unknownBecause(`${row[0]}() ${row[1]}`);
}
