import { defineConfig } from 'vite'

// One classic script of today's smallest syntax: it runs on pages that are not ours.
export default defineConfig({
  root: import.meta.dirname,
  build: {
    outDir: '../dist',
    emptyOutDir: false,
    copyPublicDir: false,
    target: 'es2020',
    lib: { entry: 'main.ts', formats: ['iife'], name: 'LiveDeskLoader', fileName: () => 'livedesk.js' },
  },
})
