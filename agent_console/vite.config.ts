import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import elementPlus from 'unplugin-element-plus/vite'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// The server hands the build out under /console/, with `script-src 'self'`: nothing may be inlined into index.html.
export default defineConfig({
  root: here('.'),
  base: '/console/',
  plugins: [vue(), elementPlus({})],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_I18N_LEGACY_API__: 'false' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  test: {
    name: 'agent_console',
    include: ['tests/**/*.test.ts'],
    environment: 'happy-dom',
    // The whole console runs in these; a machine busy with other checks takes its time.
    testTimeout: 30_000,
    server: { deps: { inline: ['element-plus'] } },
  },
})
