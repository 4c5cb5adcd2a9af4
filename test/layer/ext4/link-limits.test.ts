/** The largest number of links and of subdirectories, and one more. */
import { describe, expect, it } from 'vitest';
import { createExt4Writer } from '../../../src/layer/ext4/writer.js';
import { header } from './archive.js';
import { createNaiveSink } from './convert.js';

const MAX_LINKS = 65000;

/** Writes headers one by one; nothing is completed. */
function openWriter() {
  const writer = createExt4Writer({ sink: createNaiveSink(), notices: () => {} });
  return {
    link: (name: string) => writer.write(header({ name, type: '1', linkname: 'f' })),
    file: (name: string) => writer.write(header({ name })),
    directory: (name: string) => writer.write(header({ name, type: '5' })),
  };
}

describe('link limits', () => {
  it('a file has at most 65000 names, but each may be given again', () => {
    const { file, link } = openWriter();
    file('f');
    for (let i = 1; i < MAX_LINKS; i++) link(`l${i}`);
    link('l1');
    expect(() => link('more')).toThrow('[link-limit]');
  });

  it('a directory has at most 64998 subdirectories, implied ones too', () => {
    const fill = () => {
      const writer = openWriter();
      writer.directory('d');
      for (let i = 2; i < MAX_LINKS; i++) writer.directory(`d/${i}`);
      return writer;
    };
    const writer = fill();
    writer.directory('d/2');
    writer.file('d/file');
    expect(() => writer.directory('d/more')).toThrow('[link-limit]');
    expect(() => fill().file('d/implied/file')).toThrow('[link-limit]');
  });
});
