import react from '@vitejs/plugin-react';
import { forerun } from 'forerun/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react(), forerun({ module: './src/module.ts' })],
});
