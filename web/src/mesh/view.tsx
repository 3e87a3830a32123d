// SPDX-License-Identifier: AGPL-3.0-or-later
/** The mesh: how the upgrade goes in one sentence, the graph, and the same as a list. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { get } from '../model/api';
import { useLive, useTick } from '../ui/hooks';
import { t } from '../words';
import { Details } from './details';
import { Graph } from './graph';
import { List } from './list';
import { Summary } from './summary';
import { NO_FILTER, pick, sort, SORTS, survey as look, type Filter, type Sort, type Survey } from './survey';
import './mesh.css';

const EXPECTED_MS = 300000;
/** Who falls silent is seen so soon. */
const LOOK_MS = 5000;
const SAY_MS = 700;

/** Who belongs to the mesh by its reference state. */
function useExpected(): string[] {
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => {
    const ask = () =>
      get<{ nodes: string[] }>('/v1/expected').then(
        answer => setNames(answer.nodes),
        () => undefined,
      );
    ask();
    const timer = setInterval(ask, EXPECTED_MS);
    return () => clearInterval(timer);
  }, []);
  return names;
}

/** How many are shown is said when somebody filters, not whenever a router changes its state. */
function Shown({ text, filter }: { text: string; filter: Filter }) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (filter === NO_FILTER)
      return;
    const timer = setTimeout(() => setSaid(text), SAY_MS);
    return () => clearTimeout(timer);
  }, [filter]);
  return (
    <>
      <p class="small">{text}</p>
      <p class="hidden" role="status">{said}</p>
    </>
  );
}

function Tools(props: { survey: Survey; filter: Filter; onFilter: (filter: Filter) => void; by: Sort; onSort: (by: Sort) => void }) {
  const { survey, filter, onFilter, by, onSort } = props;
  const troubled = survey.rows.filter(row => row.attention).length;
  return (
    <div class="row tools">
      <input type="search" aria-label={t('mesh.search')} placeholder={t('mesh.search')} value={filter.text}
        onInput={event => onFilter({ ...filter, text: event.currentTarget.value })} />
      <button type="button" aria-pressed={filter.attention} onClick={() => onFilter({ ...filter, attention: !filter.attention })}>
        {t('mesh.attention')} <b>{troubled}</b>
      </button>
      <label class="row">
        {t('mesh.sort')}
        <select value={by} onChange={event => onSort(event.currentTarget.value as Sort)}>
          {SORTS.map(sort => (
            <option key={sort} value={sort}>{t(`mesh.sort.${sort}`)}</option>
          ))}
        </select>
      </label>
    </div>
  );
}

export function MeshView() {
  const live = useLive();
  const expected = useExpected();
  const tick = useTick(LOOK_MS);
  const [filter, setFilter] = useState(NO_FILTER);
  const [by, setBy] = useState<Sort>('name');
  const [picked, setPicked] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const moment = Math.floor(tick / LOOK_MS);
  const survey = useMemo(
    () => look(live.nodes, live.mesh!, expected, live.link === 'live' ? performance.now() : live.lostMs),
    [live.nodes, live.mesh, expected, live.link, moment],
  );
  const found = useMemo(() => pick(survey.rows, filter), [survey, filter]);
  const shown = useMemo(() => {
    const marks = new Uint8Array(survey.rows.length);
    found.forEach(i => (marks[i] = 1));
    return marks;
  }, [survey, found]);
  const order = useMemo(() => sort(survey.rows, found, by).map(i => survey.rows[i]!), [survey, found, by]);
  const choose = useCallback((name: string | null) => {
    setPicked(name);
    setOpen(name !== null);
  }, []);
  const n = survey.rows.length;
  return (
    <div class="mesh">
      <Summary live={live} survey={survey} filter={filter} onFilter={setFilter} />
      <Graph survey={survey} shown={shown} picked={picked} onPick={choose} />
      <section class="card">
        <h2>{t('mesh.list')}</h2>
        <Tools survey={survey} filter={filter} onFilter={setFilter} by={by} onSort={setBy} />
        <div class="row">
          <Shown text={order.length < n ? t('mesh.shown', { shown: order.length, n }) : t('routers', { n })} filter={filter} />
          {order.length < n && <button type="button" class="plain" onClick={() => setFilter(NO_FILTER)}>{t('mesh.shown.all')}</button>}
        </div>
        <List rows={order} onOpen={choose} />
      </section>
      {open && picked !== null && (
        <Details survey={survey} name={picked} upgrade={live.mesh!.upgrade} onOpen={choose} onClose={() => setOpen(false)} />
      )}
    </div>
  );
}
