// SPDX-License-Identifier: AGPL-3.0-or-later
/** The map: the canvas, its buttons, and what its signs mean. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { t, type Word } from '../words';
import { makeMap, type MeshMap } from './map';
import type { Survey } from './survey';

const STEP_PX = 60;

const KEYS: Record<string, (map: MeshMap) => void> = {
  ArrowLeft: map => map.pan(STEP_PX, 0),
  ArrowRight: map => map.pan(-STEP_PX, 0),
  ArrowUp: map => map.pan(0, STEP_PX),
  ArrowDown: map => map.pan(0, -STEP_PX),
  '+': map => map.zoom(1.5),
  '−': map => map.zoom(1 / 1.5),
  '-': map => map.zoom(1 / 1.5),
  '⤢': map => map.fit(),
  '0': map => map.fit(),
};

const SIGNS: [look: string, word: Word, sign?: string][] = [
  ['ring', 'state.DOWNLOADING'],
  ['hollow', 'state.unseen', '–'],
  ['warn', 'mesh.one.way', '▲'],
  ['link', 'mesh.fast'],
  ['link dashed', 'mesh.unmeasured'],
  ['link slow', 'mesh.slow'],
];

export function Graph(props: { survey: Survey; shown: Uint8Array; picked: string | null; onPick: (name: string | null) => void }) {
  const { survey, shown, picked, onPick } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useRef<MeshMap>();
  const [fitting, setFitting] = useState(true);
  useEffect(() => {
    map.current = makeMap(canvas.current!, onPick, setFitting);
    return map.current.close;
  }, []);
  useEffect(() => map.current!.show(survey, shown, picked), [survey, shown, picked]);
  const press = (key: string) => KEYS[key]?.(map.current!);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key])
      return;
    event.preventDefault();
    press(event.key);
  };
  const n = survey.rows.length;
  const name = t('mesh.map');
  return (
    <section class="card map" aria-label={name}>
      <div class="row" role="group" aria-label={name} onKeyDown={onKeyDown}>
        <h2>{name}</h2>
        {['+', '−', '⤢'].map(key => (
          <button key={key} type="button" disabled={key === '⤢' && fitting} onClick={() => press(key)}
            aria-label={key === '⤢' ? t('mesh.all') : `${t('mesh.zoom')} ${key}`}>
            {key}
          </button>
        ))}
      </div>
      <canvas id="mesh-graph" class={n < 6 ? 'few' : ''} ref={canvas} role="img" aria-label={`${name}: ${t('routers', { n })}`} />
      <details>
        <summary>{t('mesh.signs')}</summary>
        <ul class="row">
          {SIGNS.map(([look, word, sign]) => (
            <li key={look}>
              <span class={look}>{sign}</span> {t(word)}
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}
