import { expect, it } from 'vitest';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { createPolicySession } from '../../src/rego/session.js';
import { policyText } from '../support/kata-requests.js';
import { nativeAddon } from '../support/native.js';
import { readRuleCases, rulesText } from '../support/rule-cases.js';
import { describeRules } from '../support/rule-suite.js';

/** Spec kata-policy-rules section 6, columns U and M; RemoveContainerRequest needs a known container. */
describeRules({
  guest: 'msft-main',
  probes: 'microsoft.json',
  testcases: 'microsoft',
  allows: [],
});

/** Longest target of a link in Linux, and one byte more. */
it.runIf(nativeAddon() !== undefined).each([
  [4096, 'allow'],
  [4097, 'deny'],
])('decides about a link of %i bytes', async (length, verdict) => {
  const link = readRuleCases('msft-main').find(({ id }) => id === 'copy-link-plain');
  const text = policyText(rulesText('msft-main'), link?.data ?? null);
  const session = await createPolicySession(openNativeEngine(), text, 'msft-main');
  const input = { ...(link?.input as object), data: Array.from({ length }, () => 120) };
  expect(session.decide('CopyFileRequest', input)).toMatchObject({ verdict });
});
