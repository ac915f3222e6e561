import { show } from '../ui/page.tsx';
import { Chat } from './chat.tsx';
import { client } from './client.ts';

show({ title: 'Chat', client, content: <Chat />, fixed: true });
