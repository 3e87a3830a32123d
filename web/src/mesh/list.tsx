// SPDX-License-Identifier: AGPL-3.0-or-later
/** The same as the map, as a table; on a phone each row is a card. Rows that did not change are not drawn anew. */
import { Component } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Bar, reasonText, Sign } from '../ui/parts';
import { currentLanguage, dateTime, t, time } from '../words';
import { kindWord } from './summary';
import type { Row } from './survey';

/** So many rows at once, so that the first are there soon. */
const BATCH = 60;
const BATCH_MS = 60;
const DAY_MS = 86400000;

export function heardText({ node }: Row): string {
  if (node.heard == null)
    return t('mesh.never');
  const ago = performance.now() - node.heard;
  const moment = new Date(Date.now() - ago);
  return t('mesh.heard', { time: ago > DAY_MS / 2 ? dateTime(moment) : time(moment) });
}

export function Chip({ row }: { row: Row }) {
  return (
    <span class="chip">
      <Sign tone={row.tone} />
      {kindWord(row.kind)}
    </span>
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
    const { node } = row;
    return (
      <div role="row" class="router">
        <div role="rowheader">
          <button type="button" class="plain" onClick={() => onOpen(row.name)}>{row.name}</button>
          {node.here && <small> {t('mesh.here')}</small>}
        </div>
        <div role="cell">
          <Chip row={row} />
          {row.part !== null && <Bar part={row.part} label={row.name} />}
        </div>
        <div role="cell">
          {node.version} <small>{node.board}</small>
        </div>
        <div role="cell" class="small">
          {row.oneWay && <p><span class="warn" aria-hidden="true">▲</span> {t('mesh.one.way')}</p>}
          {row.slow && <p>{t('mesh.slow')}</p>}
          {row.kind === 'gone' ? <p>{heardText(row)}</p> : node.reason && <p>{reasonText(node.reason, node.message)}</p>}
        </div>
      </div>
    );
  }
}

export function List({ rows, onOpen }: { rows: Row[]; onOpen: (name: string) => void }) {
  const [limit, setLimit] = useState(BATCH);
  useEffect(() => {
    if (limit >= rows.length)
      return;
    const timer = setTimeout(() => setLimit(limit + BATCH), BATCH_MS);
    return () => clearTimeout(timer);
  }, [limit, rows.length]);
  const language = currentLanguage();
  return (
    <div role="table" aria-label={t('mesh.list')} aria-rowcount={rows.length + 1} class="routers">
      <div role="rowgroup">
        <div role="row" class="router heads">
          <span role="columnheader">{t('mesh.router')}</span>
          <span role="columnheader">{t('mesh.sort.state')}</span>
          <span role="columnheader">{t('mesh.firmware')}</span>
          <span role="columnheader">{t('mesh.notes')}</span>
        </div>
      </div>
      <div role="rowgroup">
        {rows.slice(0, limit).map(row => <Line key={row.name} row={row} language={language} onOpen={onOpen} />)}
      </div>
    </div>
  );
}
