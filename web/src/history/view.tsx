// SPDX-License-Identifier: AGPL-3.0-or-later
/** Afterwards: past upgrades, who signed what in them, and how one of them went, router by router. */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { version as pageVersion } from '../../package.json';
import { get, type ApiError } from '../model/api';
import { currentLive } from '../model/live';
import type { History, LogEntry, MeshNode, PastUpgrade, State, Trust } from '../model/types';
import { useTick } from '../ui/hooks';
import { Refused } from '../ui/act';
import { reasonText, Sign, stateWord } from '../ui/parts';
import { dateTime, duration, list, t, time, tOr, type Word } from '../words';
import { Axis, Bars, type Chart, chartOf, Legend } from './chart';
import { save, savePicture } from './picture';
import { fileName, gather } from './report';
import { momentsOf, troubles, type Row } from './rows';
import './view.css';

const PICTURE_WIDTH = 1100;
const NAMES_TOLD = 8;
const TABLE: Word[] = ['sort.state', 'past.from', 'past.long'];
/** Of a phase that is an end; until then it is under way. */
const TONES: Record<string, 'calm' | 'stop' | 'back'> = { confirmed: 'calm', aborted: 'stop', reverted: 'back' };

interface Told {
  upgrade: PastUpgrade;
  /** By the clock of the router that tells. */
  now: number;
}

const clockNow = () => Date.now() / 1000;
const wordOf = (state: State | undefined) => stateWord({ state } as MeshNode);

interface Answer<T> {
  told?: T;
  /** By our clock. */
  at: number;
  error: ApiError | null;
}

/** Asked once, and again when `turn` is another. What was told holds when no answer comes. */
function useAnswer<T>(path: string, turn = 0): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ at: 0, error: null });
  useEffect(() => {
    get<T>(path).then(
      told => setAnswer({ told, at: clockNow(), error: null }),
      (error: ApiError) => setAnswer(before => ({ ...before, error })),
    );
  }, [turn]);
  return answer;
}

/** Is built only when it is opened. */
function Fold({ name, title, children }: { name: string; title: string; children: () => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={event => setOpen(event.currentTarget.open)}>
      <summary data-do={name}>{title}</summary>
      {open && <div class="past-scroll" tabIndex={0} role="region" aria-label={title}>{children()}</div>}
    </details>
  );
}

function orderLines({ orders, begun }: PastUpgrade, date: Chart['date'], trust: Trust | undefined): string[] {
  const grouped = orders.some(({ wave }) => wave);
  const day = date(begun).toDateString();
  return orders.map(({ kind, at, signed_by, wave }) => {
    const when = date(at);
    const name = trust?.operator.keys.find(({ fingerprint }) => fingerprint === signed_by)?.name ?? signed_by;
    const group = grouped && (kind === 'schedule' || kind === 'confirm') ? ` · ${t('group', { n: wave + 1 })}` : '';
    return `${when.toDateString() === day ? time(when) : dateTime(when)} – ${t(kind === 'start' ? 'by' : (`past.by.${kind}` as Word), { name })}${group}`;
  });
}

const troubleLines = (rows: Row[]): string[] =>
  troubles(rows).map(({ state, reason, names }) => {
    const more = names.length - NAMES_TOLD;
    const told = more > 0 ? [...names.slice(0, NAMES_TOLD), t('more', { n: more })] : names;
    return `${list(told)}: ${wordOf(state)}${reason && ` – ${reasonText(reason)}`}`;
  });

const Table = ({ rows, date }: Chart) => (
  <table>
    <thead>
      <tr>{TABLE.map(name => <th scope="col">{t(name)}</th>)}</tr>
    </thead>
    {rows.map(({ name, reason, spans, bad }) => (
      <tbody>
        <tr><th scope="rowgroup" colSpan={3}>{name}</th></tr>
        {(spans.length ? spans : [null]).map((span, index) => {
          const last = index >= spans.length - 1;
          return (
            <tr>
              <td>{wordOf(span?.state)}{last && bad && reason && ` – ${reasonText(reason)}`}</td>
              <td>{span && time(date(span.from))}</td>
              <td>{span && !last && duration(span.to - span.from, 'short')}</td>
            </tr>
          );
        })}
      </tbody>
    ))}
  </table>
);

async function saveReport(upgrade: PastUpgrade, now: number, name: string) {
  const report = {
    lockstep_report: 1,
    page: pageVersion,
    browser: navigator.userAgent,
    saved: new Date(),
    now,
    upgrade,
    ...(await gather(get, ['status', 'mesh', 'log', 'trust'])),
  };
  save(new Blob([JSON.stringify(report, null, 1)], { type: 'application/json' }), `${name}.json`);
}

function Timeline({ upgrade, now, moments, date, told }: Told & { moments: number[]; date: Chart['date']; told: string[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(box.current!.clientWidth);
    measure();
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, []);
  const chart = chartOf(upgrade, moments, date, Math.max(200, width));
  const wrong = troubleLines(chart.rows);
  const mesh = currentLive().mesh!.mesh;
  const name = fileName(mesh, upgrade.version, date(upgrade.begun).toISOString().slice(0, 10));
  return (
    <>
      {wrong.map(line => <p class="past-wrong"><Sign tone="wrong" />{line}</p>)}
      <div class="past-scroll" tabIndex={0} role="img" aria-label={t('past.timeline')} ref={box}>
        <Axis {...chart} />
        <Bars {...chart} />
      </div>
      <Legend {...chart} />
      <Fold name="table" title={t('past.table')}>{() => <Table {...chart} />}</Fold>
      <div class="row">
        <button type="button" data-do="picture" onClick={() => savePicture(chartOf(upgrade, moments, date, PICTURE_WIDTH), `${mesh} · ${upgrade.version}`, [...told, ...wrong], name)}>
          {t('past.picture')}
        </button>
        <button type="button" data-do="report" onClick={() => void saveReport(upgrade, now, name)}>{t('past.file')}</button>
      </div>
      <small>{t('past.file.help')}</small>
    </>
  );
}

function Past(props: Told & { ahead: number; trust: Trust | undefined; first: boolean }) {
  const { upgrade, now, ahead, trust, first } = props;
  const [open, setOpen] = useState(first);
  const { version, begun, phase, participants, nodes } = upgrade;
  const date = (moment: number) => new Date((moment + ahead) * 1000);
  const moments = momentsOf(upgrade, now);
  const word = tOr(`past.end.${phase}`, t('past.open'));
  const facts = `${dateTime(date(begun))} · ${duration(moments[moments.length - 1]! - begun)} · ${t('routers', { n: participants })}`;
  const orders = orderLines(upgrade, date, trust);
  return (
    <article class="card" data-upgrade={upgrade.id}>
      <div class="row spread">
        <h3>{version}</h3>
        <span class="chip"><Sign tone={TONES[phase] ?? 'busy'} />{word}</span>
      </div>
      <small>{facts}</small>
      <ul>{orders.map(line => <li>{line}</li>)}</ul>
      {nodes.length > 0 && (
        <>
          <button type="button" data-do="timeline" aria-expanded={open} onClick={() => setOpen(!open)}>{t('past.timeline')}</button>
          {open && <Timeline {...props} moments={moments} date={date} told={[`${word} · ${facts}`, ...orders]} />}
        </>
      )}
    </article>
  );
}

function Log({ ahead }: { ahead: number }) {
  const { told } = useAnswer<{ entries: LogEntry[] }>('/v1/log');
  return (
    <ul lang="en">
      {told?.entries.map(({ time: at, level, text }) => (
        <li class={`past-${level}`}>
          <small>{dateTime(new Date(Date.parse(at) + ahead * 1000))}</small> {text}
        </li>
      )).reverse()}
    </ul>
  );
}

export function HistoryView() {
  const { version, nodes } = currentLive();
  // Looks for news, the less often the more there is to tell; what is under way grows meanwhile.
  useTick(5000 + 40 * nodes.size);
  const { told, at, error } = useAnswer<History>('/v1/history', version);
  const trust = useAnswer<Trust>('/v1/trust').told;
  const ahead = told ? at - told.now : 0;
  return (
    <section class="past">
      <h2>{t('place.history')}</h2>
      <Refused told={error} />
      {told?.upgrades.length === 0 && <p>{t('past.none')}</p>}
      {told?.upgrades.map((upgrade, index) => (
        <Past key={upgrade.id} upgrade={upgrade} now={clockNow() - ahead} ahead={ahead} trust={trust} first={index === 0} />
      ))}
      <Fold name="log" title={t('past.log')}>{() => <Log ahead={ahead} />}</Fold>
    </section>
  );
}
