// SPDX-License-Identifier: AGPL-3.0-or-later
/** The same as the map, as a table; on a phone each row is a card. Rows that did not change are not drawn anew. */
import { Component } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Bar, reasonText, Sign } from '../ui/parts';
import { reasonOf } from '../model/states';
import { currentLanguage, dateTime, t, time } from '../words';
import { kindWord } from './summary';
import type { Row } from './survey';

/** So many rows at once, so that the first are there soon. */
const BATCH = 60;
const BATCH_MS = 60;
const HALF_DAY_MS = 43200000;

export function heardText({ node }: Row): string {
  if (node.heard == null)
    return '';
  const ago = performance.now() - node.heard;
  return t('mesh.heard', { time: (ago > HALF_DAY_MS ? dateTime : time)(new Date(Date.now() - ago)) });
}

export const Warn = () => <span class="warn" aria-hidden="true">▲</span>;

/** Its state, and how far it is with that. */
export function How({ row }: { row: Row }) {
  return (
    <>
      <span class="chip">
        <Sign tone={row.tone} />
        {kindWord(row.kind)}
      </span>
      {row.part !== null && <Bar part={row.part} label={row.name} />}
    </>
  );
}

interface LineProps {
  row: Row;
  language: string;
  onOpen: (name: string) => void;
}

class Line extends Component<LineProps> {
  override shouldComponentUpdate(next: LineProps) {
    return next.row.face !== this.props.row.face || next.language !== this.props.language;
  }

  override render({ row, onOpen }: LineProps) {
    const { name, node } = row;
    return (
      <div role="row" class="router">
        <div role="rowheader">
          <button type="button" class="plain" onClick={() => onOpen(name)}>{name}</button>
          {node.here && <small>{t('mesh.here')}</small>}
        </div>
        <div role="cell"><How row={row} /></div>
        <div role="cell">{node.version} <small>{node.board}</small></div>
        <div role="cell" class="small">
          {row.oneWay && <p><Warn /> {t('mesh.one.way')}</p>}
          {row.slow && <p>{t('mesh.slow')}</p>}
          <p>{row.kind === 'gone' ? heardText(row) : reasonOf(node) && reasonText(reasonOf(node), node.message)}</p>
        </div>
      </div>
    );
  }
}

export function List({ rows, onOpen }: { rows: Row[]; onOpen: (name: string) => void }) {
  const [limit, setLimit] = useState(BATCH);
  const more = limit < rows.length;
  useEffect(() => {
    const timer = more && setTimeout(() => setLimit(limit + BATCH), BATCH_MS);
    return () => clearTimeout(timer || 0);
  }, [limit, more]);
  const language = currentLanguage();
  return (
    <div role="table" aria-label={t('routers', { n: rows.length })} aria-rowcount={rows.length + 1}>
      <div role="row" class="router small">
        {(['sort.name', 'sort.state', 'mesh.firmware', 'mesh.attention'] as const).map(word => (
          <b key={word} role="columnheader">{t(word)}</b>
        ))}
      </div>
      {rows.slice(0, limit).map(row => <Line key={row.name} row={row} language={language} onOpen={onOpen} />)}
    </div>
  );
}
