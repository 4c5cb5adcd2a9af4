/**
 * The made-up platform of `podseal simulate release --serve`, as a device: for rehearsals only. Its reports prove nothing,
 * and whoever opens it must say so in every answer.
 */
import type { TrustedRoot } from '../../attest/products.js';
import { ToolError } from '../../core/error.js';
import { parseJsonBytes } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import type { ReportDevice, SendRequest } from '../../keyrelease/ports.js';

export interface FakePlatform {
  readonly device: ReportDevice;
  readonly roots: readonly TrustedRoot[];
}

/** Opens the platform at `http://127.0.0.1:PORT`. Throws SERVICE_HOST_REFUSED for any other place. */
export async function openFakePlatform(url: string, send: SendRequest): Promise<FakePlatform> {
  if (!/^http:\/\/127\.0\.0\.1:[0-9]{1,5}$/.test(url)) {
    throw new ToolError('SERVICE_HOST_REFUSED', 'made-up evidence comes from this machine only', {
      want: 'http://127.0.0.1:PORT, as `podseal simulate release --serve` prints it',
      got: url.slice(0, 200),
    });
  }
  const ask = async (method: 'GET' | 'POST', path: string, body?: string) => {
    const request = { method, url: `${url}${path}`, headers: {} };
    const answer = await send(body === undefined ? request : { ...request, body });
    const value = answer.status === 200 ? parseJsonBytes(answer.body, 'answer') : undefined;
    if (isJsonObject(value)) return value;
    throw new ToolError('DEVICE_FAILED', 'the made-up platform does not answer as it should');
  };
  const { roots } = (await ask('GET', '/rehearsal/platform')) as unknown as {
    readonly roots: readonly TrustedRoot[];
  };
  return {
    roots,
    device: {
      fake: true,
      async report(reportData) {
        const hex = Buffer.from(reportData).toString('hex');
        const { report } = await ask('POST', '/rehearsal/report', hex);
        return Buffer.from(String(report), 'hex');
      },
    },
  };
}
