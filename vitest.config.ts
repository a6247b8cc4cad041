import { defineConfig } from 'vitest/config'

// Each workspace may bring a vite config of its own; what all share stands here.
export default defineConfig({
  test: {
    projects: ['protocol/typescript', 'widget', 'agent_console'],
  },
})
