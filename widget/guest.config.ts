import { mergeConfig } from 'vite'
import widget from './vite.config.ts'

// A page of its own beside the widget's: nothing of it weighs on what a buyer has to load.
export default mergeConfig(widget, { build: { emptyOutDir: false, rollupOptions: { input: 'guest.html' } } })
