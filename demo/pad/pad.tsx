/** The pad's page: the editor, and who writes in it. */

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { Compartment, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, keymap, placeholder } from '@codemirror/view';
import { useClient, useStatus } from 'forerun/react';
import { type ReactElement, useEffect, useRef, useState } from 'react';
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
        EditorView.contentAttributes.of({ 'aria-label': 'The text', spellcheck: 'false' }),
        placeholder('Nobody has written anything yet. Write here, and in another window.'),
        access.of(EditorState.readOnly.of(!client.status.ready)),
        link.extension,
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
