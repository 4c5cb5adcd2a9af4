import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // All output of the run is searched for the secrets of its tests.
    globalSetup: [join(import.meta.dirname, 'support/secrets/global-setup.ts')],
    setupFiles: [join(import.meta.dirname, 'support/secrets/setup.ts')],
    pool: 'forks',
    testTimeout: 120_000,
    // Platforms of 4096-bit keys are made before tests; on a busy machine that takes a while.
    hookTimeout: 120_000,
    // One worker a core: much of a test file's time goes by in programs that it runs.
    maxWorkers: '100%',
    maxConcurrency: 2,
    restoreMocks: true,
    unstubEnvs: true,
    allowOnly: false,
  },
});
