/** The pad's page: the editor, and who writes in it. */

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { Compartment, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, keymap, placeholder } from '@codemirror/view';
import { useClient, useLive, useStatus } from 'forerun/react';
import { type CSSProperties, type ReactElement, useEffect, useRef, useState } from 'react';
import { user } from '../ui/embedding.ts';
import { type Caret, carets, colourOf } from './carets.ts';
import { PadLink } from './link.ts';
import type * as pad from './module.ts';
import './pad.css';

interface Size {
  readonly lines: number;
  readonly letters: number;
}

export function Pad(): ReactElement {
  const [refusal, setRefusal] = useState<string>();
  const [size, setSize] = useState<Size>({ lines: 1, letters: 0 });
  return (
    <div className="pad">
      <Writers />
      <Editor onRefused={setRefusal} onSize={setSize} />
      <p className="pad-foot">
        <span className="refusal" role="status">
          {refusal !== undefined && (
            <>
              Not taken: {refusal}{' '}
              <button className="button plain" type="button" onClick={() => setRefusal(undefined)}>
                Dismiss
              </button>
            </>
          )}
        </span>
        <span className="soft" data-size={size.letters}>
          {count(size.lines, 'line')}, {count(size.letters, 'letter')}
        </span>
      </p>
    </div>
  );
}

/** Who is here: whoever has a cursor. */
function Writers(): ReactElement {
  const client = useClient<typeof pad>();
  const here = useLive<Caret>(client.tables.caret);
  return (
    <ul className="writers" aria-label="Who writes here">
      {here.map(({ author, name }) => (
        <li key={author} style={{ '--who': colourOf(author) } as CSSProperties}>
          {name}
        </li>
      ))}
      {here.length === 0 && <li className="soft">Nobody is writing at the moment.</li>}
    </ul>
  );
}

const animals = ['Otter', 'Heron', 'Marten', 'Lynx', 'Stork', 'Hare', 'Newt', 'Finch', 'Badger', 'Owl', 'Seal', 'Fox'];

function nameOf(author: number): string {
  return user.profile ?? animals[author % animals.length] ?? 'Someone';
}

function count(many: number, word: string): string {
  return `${many.toLocaleString('en')} ${word}${many === 1 ? '' : 's'}`;
}

function Editor({
  onRefused,
  onSize,
}: {
  readonly onRefused: (reason: string) => void;
  readonly onSize: (size: Size) => void;
}): ReactElement {
  const client = useClient<typeof pad>();
  const { ready } = useStatus();
  const parent = useRef<HTMLDivElement>(null);
  const shown = useRef<{ readonly view: EditorView; readonly access: Compartment }>(undefined);

  useEffect(() => {
    if (parent.current === null) return;
    const link = new PadLink(client, { refused: onRefused });
    const access = new Compartment();
    const view = new EditorView({
      parent: parent.current,
      extensions: [
        history(),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        drawSelection(),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'The text', spellcheck: 'false', tabindex: '0' }),
        placeholder('Nobody has written anything yet. Write here, and in another window.'),
        access.of(EditorState.readOnly.of(!client.status.ready)),
        link.extension,
        carets(client, link.author, nameOf(link.author)),
        EditorView.updateListener.of(({ state: { doc }, docChanged }) => {
          if (docChanged) onSize({ lines: doc.lines, letters: doc.length });
        }),
      ],
    });
    link.attach(view);
    shown.current = { view, access };
    return () => {
      link.close();
      view.destroy();
    };
  }, [client, onRefused, onSize]);

  useEffect(() => {
    const { view, access } = shown.current ?? {};
    if (access !== undefined) view?.dispatch({ effects: access.reconfigure(EditorState.readOnly.of(!ready)) });
  }, [ready]);

  return <div className="editor" ref={parent} data-ready={ready} />;
}
