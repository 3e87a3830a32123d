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
  '-': map => map.zoom(1 / 1.5),
  '0': map => map.fit(),
};

const BUTTONS: [sign: string, key: string, label: Word][] = [
  ['+', '+', 'mesh.in'],
  ['−', '-', 'mesh.out'],
  ['⤢', '0', 'mesh.fit'],
];

const SIGNS: [look: string, word: Word, sign?: string][] = [
  ['ring', 'mesh.key.ring'],
  ['hollow', 'state.unseen', '–'],
  ['warn', 'mesh.one.way', '▲'],
  ['line fast', 'mesh.key.fast'],
  ['line one', 'mesh.key.one'],
  ['line slow', 'mesh.key.slow'],
];

export function Graph(props: { survey: Survey; shown: Uint8Array; picked: string | null; onPick: (name: string | null) => void }) {
  const { survey, shown, picked, onPick } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useRef<MeshMap | null>(null);
  const [fitting, setFitting] = useState(true);
  useEffect(() => {
    map.current = makeMap(canvas.current!, onPick, setFitting);
    return () => map.current!.close();
  }, []);
  useEffect(() => map.current!.show(survey, shown, picked), [survey, shown, picked]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey)
      return;
    event.preventDefault();
    KEYS[event.key]!(map.current!);
  };
  const n = survey.rows.length;
  return (
    <section class="card map" aria-label={t('mesh.map')}>
      <div class="row" role="group" aria-label={t('mesh.map')} onKeyDown={onKeyDown}>
        <h2>{t('mesh.map')}</h2>
        {BUTTONS.map(([sign, key, label]) => (
          <button key={key} type="button" aria-label={t(label)} title={t(label)} disabled={key === '0' && fitting} onClick={() => KEYS[key]!(map.current!)}>
            {sign}
          </button>
        ))}
      </div>
      <canvas id="mesh-graph" class={n < 6 ? 'few' : ''} ref={canvas} role="img" aria-label={t('mesh.map.label', { n, links: survey.links.length })} />
      <details>
        <summary>{t('mesh.key')}</summary>
        <ul class="key">
          {SIGNS.map(([look, word, sign]) => (
            <li key={look}>
              <span class={look}>{sign}</span>
              {t(word)}
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}
