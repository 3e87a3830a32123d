// SPDX-License-Identifier: AGPL-3.0-or-later
/** How the mesh stands, in a sentence, a clock and a bar; its legend picks whom the rest of the view shows. */
import type { Live } from '../model/live';
import { TONES, type Tone } from '../model/states';
import type { Phase, State, Upgrade } from '../model/types';
import { Sign } from '../ui/parts';
import { useTick, useWide } from '../ui/hooks';
import { clock, list, t, tOr } from '../words';
import { countDone, KINDS, mostRun, underWay, type Filter, type Kind, type Survey } from './survey';

const NAMES_MAX = 3;
/** The node names no more. */
const WAITING_MAX = 64;

/** An upgrade's phase is called as the state that its routers are in. */
const STATES: Record<Phase, State> = {
  open: 'DOWNLOADING',
  scheduled: 'UPGRADE_SCHEDULED',
  flashing: 'FLASHING',
  confirming: 'CONFIRMATION_PENDING',
  confirmed: 'UPDATED',
  aborted: 'ABORTED',
  reverted: 'REVERTED',
};

export const kindWord = (kind: Kind) => (kind === 'gone' ? t('state.unseen') : tOr(`state.${kind}`, kind));
const toneOf = (kind: Kind): Tone => (kind === 'gone' ? 'gone' : TONES[kind]);

function Countdown({ upgrade, live }: { upgrade: Upgrade; live: Live }) {
  const { countdown_ms, window_remaining_ms, confirm } = upgrade;
  const left = countdown_ms ?? (confirm === 'operator' ? window_remaining_ms : null);
  const now = useTick(1000, left !== null);
  if (left === null)
    return null;
  const time = clock((left - now + live.receivedMs) / 1000);
  return (
    <p role="timer" class={countdown_ms === null ? '' : 'clock'}>
      {countdown_ms === null ? t('keep.until', { time }) : time}
    </p>
  );
}

function sentences({ rows }: Survey, upgrade: Upgrade | null): [title: string, rest: string] {
  if (!upgrade || upgrade.phase === 'aborted' || upgrade.phase === 'reverted') {
    const most = mostRun(rows);
    const title = upgrade ? `${upgrade.version}: ${kindWord(STATES[upgrade.phase])}` : t('routers', { n: rows.length });
    return [title, t('mesh.run', most)];
  }
  const { version, phase, waves, waiting } = upgrade;
  const { k, n } = countDone(rows, upgrade);
  const step: State = phase === 'open' ? 'UPGRADE_READY' : STATES[phase];
  const names = waiting?.names ?? [];
  const many = names.length < WAITING_MAX ? names.length : n - k;
  const few = many > NAMES_MAX + 1 ? [...names.slice(0, NAMES_MAX), t('more', { n: many - NAMES_MAX })] : names;
  const rest = [
    waves > 1 && underWay(upgrade) && `${t('group', { n: upgrade.wave + 1 })}.`,
    phase === 'open' || phase === 'scheduled' ? `${kindWord(step)}: ${t('of', { k, n })}.` : t('mesh.run', { k, n, version }),
    many > 0 && `${t('missing')} ${list(few)}.`,
  ];
  return [`${version}: ${kindWord(k === n ? step : STATES[phase])}`, rest.filter(Boolean).join(' ')];
}

export function Summary(props: { live: Live; survey: Survey; filter: Filter; onFilter: (filter: Filter) => void }) {
  const { live, survey, filter, onFilter } = props;
  const upgrade = live.mesh!.upgrade;
  const besides = useWide();
  const [title, rest] = sentences(survey, upgrade);
  const kinds = KINDS.filter(kind => survey.counts.get(kind) || filter.kinds.includes(kind));
  return (
    <section class="card">
      <div role="status">
        <h2>{title}</h2>
      </div>
      <p>{rest}</p>
      {upgrade && <Countdown upgrade={upgrade} live={live} />}
      <div class="stack" aria-hidden="true">
        {kinds.map(kind => (
          <span key={kind} class={`tone-${toneOf(kind)}`} style={{ flexGrow: survey.counts.get(kind) ?? 0 }} />
        ))}
      </div>
      <div class="row legend" role="group" aria-label={t('sort.state')}>
        {kinds.map(kind => {
          const rest = filter.kinds.filter(other => other !== kind);
          const on = rest.length < filter.kinds.length;
          return (
            <button key={kind} type="button" aria-pressed={on} onClick={() => onFilter({ ...filter, kinds: on ? rest : [...rest, kind] })}>
              <Sign tone={toneOf(kind)} />
              {kindWord(kind)} <b>{survey.counts.get(kind) ?? 0}</b>
            </button>
          );
        })}
      </div>
      {!besides && <a class="button main" href="#upgrade">{t('place.upgrade')}</a>}
    </section>
  );
}
