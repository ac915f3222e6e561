import { forerun } from 'forerun/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [forerun({ module: './src/module.ts' })],
});
