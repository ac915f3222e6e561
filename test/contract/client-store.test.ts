import { memoryStore } from '../../worker/persist/store.ts';
import { describeClientStore, describeOwnership } from './client-store.ts';
import { SimulatedStorage } from './simulated-storage.ts';

describeClientStore('MemoryStore', async () => {
  const store = memoryStore();
  return async () => store;
});

describeClientStore('SimulatedStorage', async () => {
  const storage = new SimulatedStorage();
  return async () => storage.connect();
});
describeOwnership('SimulatedStorage', async () => {
  const storage = new SimulatedStorage();
  return async () => storage.connect();
});
