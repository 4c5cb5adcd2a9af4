import { describe, expect, it } from 'vitest';
import {
  findSecrets,
  hideInAssignment,
  hideInWords,
  hideSecrets,
  optionBefore,
} from '../../src/core/secret.js';

/** Made up; split, so that no scanner takes this file for a leak. */
const join = (...parts: string[]) => parts.join('');
const base64url = (text: string) => Buffer.from(text).toString('base64url');

const PEM = join('-----BEGIN ', 'EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----');
const JWT = [base64url('{"alg":"HS256"}'), base64url('{"sub":"x"}'), 'a'.repeat(43)].join('.');
const STORAGE_KEY = `${'A'.repeat(86)}==`;

const SECRETS: readonly (readonly [kind: string, name: string, text: string, hidden: string])[] = [
  ['private key', '', `x ${PEM} y`, 'x <private key hidden> y'],
  ['private key', '', PEM.slice(0, 40), '<private key hidden>'],
  [
    'private key (base64)',
    '',
    Buffer.from(PEM).toString('base64'),
    '<private key (base64) hidden>',
  ],
  ['JSON web token', '', `Bearer ${JWT}`, 'Bearer <JSON web token hidden>'],
  [
    'Azure storage key',
    'CONNECTION',
    `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${STORAGE_KEY};EndpointSuffix=x`,
    'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=<Azure storage key hidden>;EndpointSuffix=x',
  ],
  [
    'Azure shared access key',
    '',
    `Endpoint=sb://x/;SharedAccessKey=${'b'.repeat(43)}=`,
    'Endpoint=sb://x/;SharedAccessKey=<Azure shared access key hidden>',
  ],
  [
    'Azure shared access signature',
    '',
    `https://a.blob.core.windows.net/c?sv=2022&sr=c&sig=${'c'.repeat(43)}%3D`,
    'https://a.blob.core.windows.net/c?sv=2022&sr=c&sig=<Azure shared access signature hidden>',
  ],
  ['Azure client secret', '', join('abc', '8Q~', 'd'.repeat(34)), '<Azure client secret hidden>'],
  ['AWS access key', '', join('AKIA', 'IOSFODNN7EXAMPLE'), '<AWS access key hidden>'],
  ['GitHub token', '', join('ghp', '_', 'e'.repeat(36)), '<GitHub token hidden>'],
  ['GitLab token', '', join('glpat', '-', 'f'.repeat(20)), '<GitLab token hidden>'],
  ['Slack token', '', join('xoxb', '-1234567890-abc'), '<Slack token hidden>'],
  ['Stripe key', '', join('sk_live', '_', 'g'.repeat(24)), '<Stripe key hidden>'],
  ['Google API key', '', join('AIza', 'h'.repeat(35)), '<Google API key hidden>'],
  ['npm token', '', join('npm', '_', 'i'.repeat(36)), '<npm token hidden>'],
  [
    'password in a URL',
    '',
    'postgres://u:pa55@db/x',
    'postgres://u:<password in a URL hidden>@db/x',
  ],
  [
    'password in a connection string',
    '',
    'Server=tcp:db;User ID=u;Password=p4ss;',
    'Server=tcp:db;User ID=u;Password=<password in a connection string hidden>;',
  ],
  [
    'password in a command line',
    '',
    'run --db-password=abcd1234 now',
    'run --db-password=<password in a command line hidden> now',
  ],
  [
    'secret in a command line',
    '',
    'API_KEY=0123456789abcdefABCDEF run',
    'API_KEY=<secret in a command line hidden> run',
  ],
  ['password', 'DB_PASSWORD', 'hunter22', '<password hidden>'],
  ['password', 'dbPassword', 'abcd', '<password hidden>'],
  ['password', 'ADMIN_PASS', 'let-me-in', '<password hidden>'],
  ['secret', 'API_KEY', '0123456789abcdefABCDEF', '<secret hidden>'],
  ['secret', 'AWS_SECRET_ACCESS_KEY', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEX', '<secret hidden>'],
];

const HARMLESS: readonly (readonly [name: string, text: string])[] = [
  ['', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'],
  ['', '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----'],
  ['', Buffer.from('-----BEGIN CERTIFICATE-----\nMIIBIjANBgkq').toString('base64')],
  ['', 'eyJhbGciOi.eyJub3QiOjF9.short'],
  ['', `${base64url('{"kid":"x","n":12}')}.${base64url('{"sub":"x"}')}.${'a'.repeat(43)}`],
  ['SkrSideCarArgs', Buffer.from('{"certcache":{"endpoint_type":"LocalTHIM"}}').toString('base64')],
  ['DB_PASSWORD', '$(SECRET)'],
  ['DB_PASSWORD', join('$', '{SECRET}')],
  ['DB_PASSWORD', '<set by operator>'],
  ['DB_PASSWORD', ''],
  ['DB_PASSWORD_FILE', '/run/secrets/password'],
  ['DB_PASSWORD', '/run/secrets/password'],
  ['MYSQL_ALLOW_EMPTY_PASSWORD', 'yes'],
  ['TOKEN_TTL', '3600'],
  ['TOKEN_ENDPOINT', 'https://login.example/oauth2/v2.0/token'],
  ['SECRET_NAME', 'my-very-long-secret-name-1'],
  ['KEY_VAULT_SECRET_ID', 'https-kv-example-secrets-abc123'],
  ['API_TOKEN', 'sharedeus2.eus2.attest.azure.net'],
  ['AZURE_FEDERATED_TOKEN_FILE', '/var/run/secrets/azure/tokens/azure-identity-token'],
  ['GPG_KEY', '0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D'],
  ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  ['URL', 'http://host:8080/a@b'],
  ['GIT', 'git@github.com:a/b'],
  ['URL', 'redis://user:$(PASSWORD)@host'],
  ['', '^API_TOKEN=[A-Za-z0-9]{16,64}$'],
  ['', 'mount -o username=x,uid=0'],
  ['', 'run --token=auto --secret-name=x --password-file=/x'],
];

describe('secrets in texts', () => {
  it.each(SECRETS)('%s (%s)', (kind, name, text, hidden) => {
    expect(findSecrets(text, name).map((one) => one.kind)).toEqual([kind]);
    expect(hideSecrets(text, name)).toBe(hidden);
  });

  it.each(HARMLESS)('%s %s is none', (name, text) => {
    expect(findSecrets(text, name)).toEqual([]);
    expect(hideSecrets(text, name)).toBe(text);
  });

  it('are all hidden, each once', () => {
    const text = `amqp://u:pw1@h amqp://u:pw2@h ${JWT}`;
    const url = 'amqp://u:<password in a URL hidden>@h';
    expect(hideSecrets(text)).toBe(`${url} ${url} <JSON web token hidden>`);
    expect(findSecrets(`postgres://u:secret@h/x`, 'DB_PASSWORD')).toHaveLength(1);
  });

  it('are hidden in assignments and words', () => {
    expect(hideInAssignment('PASSWORD=hunter22')).toBe('PASSWORD=<password hidden>');
    expect(hideInAssignment('PATH=/bin')).toBe('PATH=/bin');
    expect(hideInAssignment('plain')).toBe('plain');
    expect(hideInWords(['x', '--password', 'abcdef', '--token', '-f'])).toEqual([
      'x',
      '--password',
      '<password hidden>',
      '--token',
      '-f',
    ]);
    expect(optionBefore(['--password', 'x'], 1)).toBe('password');
    expect(optionBefore(['--password', '-x'], 1)).toBe('');
    expect(optionBefore(['x'], 0)).toBe('');
  });

  /** A detector that goes over the text again at each step would take minutes. */
  it('are looked for in time that grows with the text alone', () => {
    const parts = [
      'eyJ',
      '-',
      '?sv=',
      'ab://',
      ' password=',
      `${'a'.repeat(20)}-eyJ`,
      'AIza',
      '0Q~',
    ];
    for (const part of parts) {
      const text = part.repeat(Math.ceil(400_000 / part.length));
      expect(hideSecrets(text).length, part).toBeGreaterThan(0);
    }
  }, 20_000);
});
