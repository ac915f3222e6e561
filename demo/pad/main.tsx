import { show } from '../ui/page.tsx';
import { client } from './client.ts';
import { Pad } from './pad.tsx';

show({ title: 'Pad', client, content: <Pad />, fixed: true, signs: ['point'] });
