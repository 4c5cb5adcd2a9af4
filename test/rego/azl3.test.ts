import { describeRules } from '../support/rule-suite.js';

/** Spec kata-policy-rules section 6, columns U and A: a default for every query, with the answers of A where it has one. */
describeRules({
  guest: 'azl3',
  probes: 'azl3.json',
  testcases: 'microsoft-azl5',
  dataOf: () => 'azl3/createContainer',
  allows: [
    'ReadStreamRequest',
    'RemoveContainerRequest',
    'UpdateInterfaceRequest',
    'UpdateRoutesRequest',
  ],
});
