/** environmentVariables of a container of a template -> rules (aci policy 8.5). */
import { type DataValue, isTruthy, kindOfData, lookUp } from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
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
  const { texts, approve } = reading;
  const written = texts.replace(lookUp(entry, 'name'), below(place, 'name'));
  if (!isTruthy(written)) throw invalidAt(below(place, 'name'), 'is empty or missing');
  const name = readFilledText(lookUp(entry, 'name'), below(place, 'name'));
  const plain = lookUp(entry, 'value');
  const value = plain ?? lookUp(entry, 'secureValue');
  if (value === null) {
    throw invalidAt(place, `has no value for ${name}`, { want: 'value or secureValue' });
  }
  const at = below(place, plain === null ? 'secureValue' : 'value');
  if (name === THIM_NAME && typeof value === 'string' && THIM_PLACEHOLDER.test(value)) {
    return [wildcard(name)];
  }
  const known = texts.variable(name, value, at);
  if ('pattern' in known) return [{ pattern: known.pattern, strategy: 'string' }];
  const { reasons, parameters } = known.open;
  const isApproved = approve({
    text: `Create a wildcard policy for the environment variable ${name} (y/n): `,
    variable: name,
    at: `${at.what} ${at.path}`,
    reasons,
    parameters,
  });
  return isApproved ? [wildcard(name)] : [];
}

function wildcard(name: string): GroupEnvRule {
  return { pattern: `${name}=.*`, strategy: 're2' };
}

/** An error about a value that cannot be the value of a variable. */
export function wrongValue(name: string, value: DataValue, place: JsonPlace) {
  return invalidAt(place, `is not a text (variable ${name})`, {
    got: kindOfData(value),
    hints: ['put the value in quotes'],
  });
}
