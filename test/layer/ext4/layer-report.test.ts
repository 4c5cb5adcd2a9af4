import { expect, it } from 'vitest';
import type { Notice } from '../../../src/core/notice.js';
import { LayerReport } from '../../../src/layer/ext4/layer-report.js';

it('sends one notice per matter with its first names', () => {
  const report = new LayerReport();
  for (let i = 0; i < 8; i++) {
    report.add('implied-parent-directories', () => {
      expect(i).toBeLessThan(5);
      return `d${i}`;
    });
  }
  report.add('pax-global-header', () => 'g\x1b');
  const notices: Notice[] = [];
  report.send((notice) => notices.push(notice));
  expect(notices.map(({ code }) => code)).toEqual([
    'implied-parent-directories',
    'pax-global-header',
  ]);
  expect(notices[0]!.message).toMatch(/: "d0", "d1", "d2", "d3", "d4" and 3 more$/);
  expect(notices[1]!.message).toMatch(/: "g\\x1b"$/);
});

it('sends nothing where there is nothing', () => {
  new LayerReport().send(() => expect.unreachable());
});
