import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLog } from '../../src/io/services/log.js';
import { temporaryFolder } from '../support/cli.js';

const openFile = () => {
  const file = join(temporaryFolder(), 'sidecar.log');
  const events = () =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { event: string }).event);
  return { log: openLog('info', file), events };
};

describe('a log', () => {
  it('has written what it says is written', async () => {
    const { log, events } = openFile();
    log('info', 'one');
    const first = log.written();
    log('info', 'two');
    expect(events()).toEqual([]);
    await first;
    expect(events()).toEqual(['one', 'two']);
    await log.written();
  });

  it('writes warnings at once, with all before them', async () => {
    const { log, events } = openFile();
    log('info', 'one');
    const written = log.written();
    log('debug', 'none');
    log('warning', 'two');
    expect(events()).toEqual(['one', 'two']);
    await written;
  });
});
