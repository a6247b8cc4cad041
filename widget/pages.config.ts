import { mergeConfig } from 'vite'
import widget from './vite.config.ts'

// Pages of their own beside the widget's: nothing of them weighs on what a buyer has to load.
export default mergeConfig(widget, { build: { emptyOutDir: false, rollupOptions: { input: { guest: 'guest.html', selftest: 'selftest.html' } } } })
