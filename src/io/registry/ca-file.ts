/** `--ca-file`: certificates of private CAs, trusted beside those that Node brings. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { ToolError } from '../../core/error.js';

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Node's own roots and every certificate of a PEM file. Throws FILE_NOT_FOUND or USAGE_CONFLICT. */
export async function readCaFile(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ToolError('FILE_NOT_FOUND', `${path} cannot be read`, { where: '--ca-file', cause });
  }
  const blocks = text.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0 || !blocks.every(isCertificate)) {
    throw new ToolError('USAGE_CONFLICT', `${path} holds no certificates`, {
      where: '--ca-file',
      want: 'one or more PEM blocks BEGIN CERTIFICATE',
    });
  }
  return [...rootCertificates, ...blocks];
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
