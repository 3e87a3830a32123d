// SPDX-License-Identifier: AGPL-3.0-or-later
/** The mesh: how the upgrade goes in one sentence, the map, and the same as a list. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { get } from '../model/api';
import { useLive, useTick } from '../ui/hooks';
import { t } from '../words';
import { Details } from './details';
import { Graph } from './graph';
import { List } from './list';
import { Summary } from './summary';
import { NO_FILTER, pick, sort, SORTS, survey as look, type Filter, type Memory, type Sort } from './survey';
import './mesh.css';

const EXPECTED_MS = 300000;
/** Who falls silent is seen so soon. */
const LOOK_MS = 5000;
const SAY_MS = 700;

const memory: Memory = new Map();

/** Who belongs to the mesh by its reference state. */
function useExpected(): string[] {
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => {
    const ask = () => get<{ nodes: string[] }>('/v1/expected').then(({ nodes }) => setNames(nodes), () => undefined);
    ask();
    const timer = setInterval(ask, EXPECTED_MS);
    return () => clearInterval(timer);
  }, []);
  return names;
}

/** How many are shown is said when somebody filters, not whenever a router changes its state. */
function Said({ text, filter }: { text: string; filter: Filter }) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setSaid(filter === NO_FILTER ? '' : text), SAY_MS);
    return () => clearTimeout(timer);
  }, [filter]);
  return <p class="hidden" role="status">{said}</p>;
}

export function MeshView() {
  const live = useLive();
  const expected = useExpected();
  const moment = Math.floor(useTick(LOOK_MS) / LOOK_MS);
  const [filter, setFilter] = useState(NO_FILTER);
  const [by, setBy] = useState<Sort>('name');
  const [picked, setPicked] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const survey = useMemo(
    () => look(live.nodes, live.mesh!, expected, live.link === 'live' ? performance.now() : live.lostMs, memory),
    [live.mesh, live.link, expected, moment],
  );
  const { rows } = survey;
  const found = useMemo(() => pick(rows, filter), [rows, filter]);
  const shown = useMemo(() => Uint8Array.from(rows, row => Number(found.has(row))), [found]);
  const order = useMemo(() => sort(found, by), [found, by]);
  const choose = useCallback((name: string | null) => {
    setPicked(name);
    setOpen(name !== null);
  }, []);
  const n = rows.length;
  const count = found.size < n ? t('of', { k: found.size, n }) : t('routers', { n });
  return (
    <div class="mesh">
      <Summary live={live} survey={survey} filter={filter} onFilter={setFilter} />
      <Graph survey={survey} shown={shown} picked={picked} onPick={choose} />
      <section class="card">
        <div class="row">
          <h2>{count}</h2>
          {found.size < n && <button type="button" class="plain" onClick={() => setFilter(NO_FILTER)}>{t('mesh.all')}</button>}
          <Said text={count} filter={filter} />
        </div>
        <div class="row">
          <input type="search" aria-label={t('mesh.search')} placeholder={t('mesh.search')} value={filter.text}
            onInput={event => setFilter({ ...filter, text: event.currentTarget.value })} />
          <button type="button" aria-pressed={filter.attention} onClick={() => setFilter({ ...filter, attention: !filter.attention })}>
            {t('mesh.attention')} <b>{rows.filter(row => row.attention).length}</b>
          </button>
          <label class="row">
            {t('mesh.sort')}
            <select value={by} onChange={event => setBy(event.currentTarget.value as Sort)}>
              {SORTS.map(sort => <option key={sort} value={sort}>{t(`sort.${sort}`)}</option>)}
            </select>
          </label>
        </div>
        <List rows={order} onOpen={choose} />
      </section>
      {open && picked !== null && (
        <Details survey={survey} name={picked} upgrade={live.mesh!.upgrade} onOpen={choose} onClose={() => setOpen(false)} />
      )}
    </div>
  );
}
