// SPDX-License-Identifier: AGPL-3.0-or-later
/** How the mesh stands, in a sentence, a clock and a bar; its legend picks whom the rest of the view shows. */
import type { Live } from '../model/live';
import { toneOf, type Tone } from '../model/states';
import type { MeshNode, Upgrade } from '../model/types';
import { Sign } from '../ui/parts';
import { useTick, useWide } from '../ui/hooks';
import { clock, list, t, tOr, type Word } from '../words';
import { countDone, KINDS, mostRun, underWay, type Filter, type Kind, type Survey } from './survey';

const NAMES_MAX = 3;

export const kindWord = (kind: Kind) => (kind === 'gone' ? t('state.unseen') : tOr(`state.${kind}`, kind));
const toneOfKind = (kind: Kind): Tone => (kind === 'gone' ? 'gone' : toneOf({ state: kind } as MeshNode));

function Countdown({ upgrade, live }: { upgrade: Upgrade; live: Live }) {
  const install = upgrade.phase === 'scheduled' ? upgrade.countdown_ms : null;
  const left = install ?? (upgrade.confirm === 'operator' ? upgrade.window_remaining_ms : null);
  const now = useTick(1000, left !== null);
  if (left === null)
    return null;
  return (
    <p class="countdown" role="timer">
      <strong>{clock((left - (now - live.receivedMs)) / 1000)}</strong> {t(install === null ? 'mesh.until.back' : 'mesh.until.install')}
    </p>
  );
}

function sentences({ rows }: Survey, upgrade: Upgrade | null): [title: string, ...rest: string[]] {
  const most = mostRun(rows);
  const run = (version: string, done: number, n: number) =>
    done === n ? t('mesh.all', { n, version }) : t('mesh.done.run', { done, n, version });
  if (!upgrade)
    return [t('mesh.none'), run(most.version, most.count, most.of)];
  const { version, phase } = upgrade;
  const { done, all } = countDone(rows, upgrade);
  const ready = phase === 'open' && all > 0 && done === all;
  const title = t(`mesh.${ready ? 'ready' : phase}` as Word, { version });
  const group = upgrade.waves > 1 && underWay(upgrade) ? [t('mesh.group', { wave: upgrade.wave + 1, n: upgrade.waves })] : [];
  const names = upgrade.waiting?.names ?? [];
  // At most 64 are named.
  const many = names.length < 64 ? names.length : all - done;
  const few = many > NAMES_MAX + 1 ? [...names.slice(0, NAMES_MAX), t('mesh.more', { n: many - NAMES_MAX })] : names;
  const waiting = names.length ? [t('mesh.waiting', { names: list(few) })] : [];
  if (phase === 'open' || phase === 'scheduled')
    return [title, ...group, t(`mesh.done.${phase}`, { done, n: all }), ...waiting];
  if (phase === 'aborted' || phase === 'reverted')
    return [title, run(most.version, most.count, most.of)];
  return [title, ...group, run(version, done, all), ...waiting];
}

export function Summary(props: { live: Live; survey: Survey; filter: Filter; onFilter: (filter: Filter) => void }) {
  const { live, survey, filter, onFilter } = props;
  const upgrade = live.mesh!.upgrade;
  const besides = useWide();
  const [title, ...rest] = sentences(survey, upgrade);
  const kinds = KINDS.filter(kind => survey.counts.get(kind) || filter.kinds.includes(kind));
  const toggle = (kind: Kind) =>
    onFilter({
      ...filter,
      kinds: filter.kinds.includes(kind) ? filter.kinds.filter(other => other !== kind) : [...filter.kinds, kind],
    });
  return (
    <section class="card summary">
      <div role="status">
        <h2>{title}</h2>
      </div>
      <p>{rest.join(' ')}</p>
      {upgrade && <Countdown upgrade={upgrade} live={live} />}
      <div class="stack" aria-hidden="true">
        {kinds.map(kind => (
          <span key={kind} class={`tone-${toneOfKind(kind)}`} style={{ flexGrow: survey.counts.get(kind) ?? 0 }} />
        ))}
      </div>
      <ul class="legend" aria-label={t('mesh.by.state')}>
        {kinds.map(kind => (
          <li key={kind}>
            <button type="button" aria-pressed={filter.kinds.includes(kind)} onClick={() => toggle(kind)}>
              <Sign tone={toneOfKind(kind)} />
              {kindWord(kind)} <b>{survey.counts.get(kind) ?? 0}</b>
            </button>
          </li>
        ))}
      </ul>
      {!besides && (
        <a class="button main" href="#upgrade">
          {t(underWay(upgrade) ? 'mesh.go.on' : 'mesh.go.begin')}
        </a>
      )}
    </section>
  );
}
