/** environmentVariables of a container of a template -> rules (aci policy 8.5). */
import { type DataValue, kindOfData, lookUp, textOfData } from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { NoticeSink } from '../../core/notice.js';
import type { GroupEnvRule } from '../../workload/container-group.js';
import { readFilledText, readListIfAny } from '../group/fields.js';
import type { GroupReading } from './group.js';

/** The address of the platform's service for processor certificates, which the platform fills in. */
const THIM_NAME = 'THIM_ENDPOINT';
const THIM_PLACEHOLDER = /^===CONFIDENTIAL[^\n]THIM[^\n]ENDPOINT===\n?$/;

/**
 * The rules of the variables, in order. A value that is not known is asked about; refused, the variable has no rule.
 * Throws the code of `place`, and what the approval throws.
 */
export function readEnvironment(
  value: DataValue,
  place: JsonPlace,
  reading: GroupReading,
): readonly GroupEnvRule[] {
  return (readListIfAny(value, place) ?? []).flatMap((entry, index) =>
    readVariable(entry, below(place, index), reading),
  );
}

function readVariable(
  entry: DataValue,
  place: JsonPlace,
  reading: GroupReading,
): readonly GroupEnvRule[] {
  const { texts, approve, notices } = reading;
  const name = readFilledText(lookUp(entry, 'name'), below(place, 'name'));
  const plain = lookUp(entry, 'value');
  const value = plain ?? lookUp(entry, 'secureValue');
  if (value === null) {
    throw invalidAt(place, `has no value for ${name}`, { want: 'value or secureValue' });
  }
  const at = below(place, plain === null ? 'secureValue' : 'value');
  if (name === THIM_NAME && typeof value === 'string' && THIM_PLACEHOLDER.test(value)) {
    return [{ pattern: `${name}=.*`, strategy: 're2' }];
  }
  const known = texts.variable(name, value, at);
  if ('pattern' in known) {
    if (plain === null || known.isSecret === true) noteSecret(name, at, notices);
    return [{ pattern: known.pattern, strategy: 'string' }];
  }
  const { reasons, parameters } = known.open;
  const isApproved = approve({
    text: `Create a wildcard policy for the environment variable ${name} (y/n): `,
    variable: name,
    at: `${at.what} ${at.path}`,
    reasons,
    parameters,
  });
  if (!isApproved) return [];
  const pattern = texts.replace(`${name}=.*`, below(place, 'name'));
  return [{ pattern: textOfData(pattern), strategy: 're2' }];
}

function noteSecret(name: string, place: JsonPlace, notices: NoticeSink): void {
  notices({
    code: 'secret-in-policy',
    message: `the secret value of variable ${name} stands in the policy in clear text`,
    where: `${place.what} ${place.path}`,
  });
}

/** An error about a value that cannot be the value of a variable. */
export function wrongValue(name: string, value: DataValue, place: JsonPlace) {
  return invalidAt(place, `is not a text (variable ${name})`, {
    got: kindOfData(value),
    hints: ['put the value in quotes, or what makes it into [string(...)]'],
  });
}
