import { show } from '../ui/page.tsx';
import { Arena } from './arena.tsx';
import { client } from './client.ts';

show({ title: 'Arena', client, content: <Arena />, fixed: true, signs: ['takeAim'] });
