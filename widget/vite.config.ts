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

/**
 * Late parts bring their own style sheets (see `capture`) and nothing else to be fetched with them, so that the
 * bundler's kilobyte for doing so, which would be loaded before the first message, has nothing to do.
 */
function plainImports(): Plugin {
  return {
    name: 'plain-imports',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      return id === '\0vite/preload-helper.js' ? 'export const __vitePreload = (load) => load()' : null
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        for (const one of Object.values(bundle)) {
          if (one.type === 'chunk' && one.code.includes('__vite__mapDeps')) this.error(`${one.fileName} imports a style sheet late.`)
        }
      },
    },
  }
}

export default defineConfig({
  root: import.meta.dirname,
  base: '/widget/',
  plugins: [websocketOnly(), plainImports(), vue()],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The syntax of WebView 80 and iOS 14. (Naming them instead also rewrites `?.`, for a fault of V8 before
    // version 91 in `f?.(...list)`, which nothing here says.)
    target: 'es2020',
    cssTarget: ['chrome80', 'safari14'],
    modulePreload: false,
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
