import { describeRules } from '../support/rule-suite.js';

/** Spec kata-policy-rules section 6, column U; RemoveContainerRequest needs an id that can be one. */
describeRules({
  guest: 'kata-4.1',
  probes: 'upstream.json',
  testcases: 'upstream',
  dataOf: (folder) => folder,
  allows: [],
});
