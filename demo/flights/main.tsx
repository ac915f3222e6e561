import { show } from '../ui/page.tsx';
import { Board } from './board.tsx';
import { client } from './client.ts';

show({ title: 'Flights', client, content: <Board /> });
