import { ForerunProvider } from 'forerun/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { client } from './client.ts';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <ForerunProvider client={client}>
        <App />
      </ForerunProvider>
    </StrictMode>,
  );
}
