import { defineConfig } from 'vitest/config'

// Each workspace may bring a vite config of its own; what all share stands here.
export default defineConfig({
  test: {
    // By default one core is left to an editor: nobody edits beside a check.
    maxWorkers: '100%',
    projects: ['protocol/typescript', 'widget', 'agent_console'],
  },
})
