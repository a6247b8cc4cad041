import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

/**
 * The desk speaks over websockets only and refuses polling: long polling and WebTransport, 2.5 KB of them,
 * stay out of what a buyer has to load.
 */
function websocketOnly(): Plugin {
  const only = '\0engine.io-client/websocket-only'
  let websocket = ''
  return {
    name: 'websocket-only',
    enforce: 'pre',
    async resolveId(source, importer) {
      if (source !== './transports/index.js' || !importer?.includes('engine.io-client')) return null
      websocket = (await this.resolve('./transports/websocket.js', importer))?.id ?? ''
      if (!websocket) this.error('engine.io-client keeps its websocket transport somewhere else now.')
      return only
    },
    load(id) {
      if (id !== only) return null
      return `import { WS } from ${JSON.stringify(websocket)}\nexport const transports = { websocket: WS }`
    },
  }
}

export default defineConfig({
  root: import.meta.dirname,
  base: '/widget/',
  plugins: [websocketOnly(), vue()],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The syntax of WebView 80 and iOS 14. (Naming them instead also rewrites `?.`, for a fault of V8 before
    // version 91 in `f?.(...list)`, which nothing here says.)
    target: 'es2020',
    cssTarget: ['chrome80', 'safari14'],
    // Its own policy forbids inline scripts, and every browser of the floor has modulepreload or does without.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: 'frame.html',
      treeshake: {
        // What the package re-exports from its other transports is asked for by nobody; probing for them is all
        // that these modules do when they are loaded.
        moduleSideEffects: (id) => !/engine\.io-client\/build\/esm\/(transports|contrib)\//.test(id),
      },
    },
  },
})
