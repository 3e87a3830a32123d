// SPDX-License-Identifier: AGPL-3.0-or-later
/** Firmware is installed, on trial, kept, or gone back; and what came of an upgrade that is over. */
import { nameOf } from '../key/ring';
import { currentLive } from '../model/live';
import { cannotGoBack, isGone } from '../model/states';
import type { MeshNode, Upgrade } from '../model/types';
import { confirmText } from '../sign/orders';
import { Notice, reasonText, stateWord } from '../ui/parts';
import { duration, t } from '../words';
import { Ask, Names, Why } from '../ui/act';
import { sign } from './sign';
import { Clock, KeyAhead, moment, namesOf, orderHead } from './open';
import { isOf, sceneOf, stepsDone, type Scene } from './scene';

const Line = ({ label, nodes }: { label: string; nodes: readonly MeshNode[] }) =>
  nodes.length === 0 ? null : (
    <div>
      {label} <Names names={namesOf(nodes)} />
    </div>
  );

/** "11 of 12 routers run Demo 2.0." */
const runs = ({ version }: Upgrade, some: readonly MeshNode[], all: readonly MeshNode[]) =>
  t('mesh.run', { k: some.length, n: all.length, version });

const Said = ({ text, nodes }: { text: string; nodes: readonly MeshNode[] }) =>
  nodes.length === 0 ? null : (
    <div>
      <Names names={namesOf(nodes)} />: {text}
    </div>
  );

/* ---- install ---- */

export const Install = ({ upgrade, scene, silent, sinceMs }: { upgrade: Upgrade; scene: Scene; silent: boolean; sinceMs: number }) => (
  <div class="card">
    <p role="status">
      <b>{t('state.FLASHING')}…</b> {t('since', { time: duration(sinceMs / 1000) })}
    </p>
    {!silent && (
      <>
        <p>{runs(upgrade, scene.done(4), scene.group)}</p>
        <Line label={t('missing')} nodes={scene.missing(4)} />
      </>
    )}
    <p>{t('away')}</p>
    <p>{reasonText('too_late')}</p>
  </div>
);

/* ---- keep ---- */

/** Why each of them does not run it, or is not well. */
const Each = ({ nodes, tell }: { nodes: readonly MeshNode[]; tell: (node: MeshNode) => [reason: string, message: string | undefined] }) => (
  <ul class="plainlist">
    {nodes.map(node => (
      <li key={node.name}>
        <b>{node.name}</b> <Why {...(([reason, message]) => ({ reason, message }))(tell(node))} />
      </li>
    ))}
  </ul>
);

/** A confirmation takes a moment to come round. */
const ROUND_MS = 15000;
/** So do checks after the boot. */
const CHECKS_MS = 30000;
let confirmed = -ROUND_MS;

export function Keep({ upgrade, scene, leftMs }: { upgrade: Upgrade; scene: Scene; leftMs: number | null }) {
  const running = scene.done(4);
  const missing = scene.missing(4);
  const kept = scene.done(6);
  const trial = running.filter(node => !kept.includes(node));
  const all = missing.length === 0;
  // While somebody is missing, nobody calls himself healthy.
  const sick = all ? trial.filter(({ reason }) => reason === 'waiting_for_health') : [];
  const first = kept.length === 0;
  const n = scene.group.length;
  const auto = upgrade.confirm === 'auto' && <p>{t('how.auto')}</p>;
  const until = <p>{t('keep.until', { time: leftMs === null ? duration(upgrade.confirm_window_s) : moment(leftMs) })}</p>;
  return (
    <div class="card">
      {first && (
        <div class="center">
          {leftMs !== null && <Clock ms={leftMs} />}
          {until}
        </div>
      )}
      <p role="status">
        <b>{runs(upgrade, running, scene.group)}</b>
      </p>
      {!first && (
        <>
          <p role="status">
            {t('state.UPDATED')}: {t('of', { k: kept.length, n })}
          </p>
          <Line label={`${t('state.CONFIRMATION_PENDING')}:`} nodes={trial} />
        </>
      )}
      {!all && (
        <Notice kind="warn">
          <p>{t('missing')}</p>
          <Each nodes={missing} tell={node => (isOf(upgrade, node) && node.reason ? [node.reason, node.message] : ['', isGone(node, true) ? t('state.unseen') : stateWord(node)])} />
          <p>{t('keep.look')}</p>
        </Notice>
      )}
      {(leftMs === null || leftMs < upgrade.confirm_window_s * 1000 - CHECKS_MS) && <Said text={reasonText('unhealthy')} nodes={sick} />}
      {first && all && sick.length === 0 && <p class="notice notice-good">{t('keep.good')}</p>}
      {auto}
      {trial.length > 0 && performance.now() - confirmed > ROUND_MS && (
        <>
          <Ask
            what={all ? 'confirm' : 'without'}
            look={all ? 'main large' : 'large'}
            grave={!all}
            label={t(all ? 'keep' : 'keep.without')}
            work={async () => {
              // Who came back while the key was looked for is not left behind; who went since was not agreed on.
              const without = () => {
                const still = namesOf(sceneOf(upgrade, [...currentLive().nodes.values()]).missing(4));
                return namesOf(missing).filter(name => still.includes(name));
              };
              const done = await sign('order', t('keep'), () => confirmText({ ...orderHead(upgrade), wave: upgrade.wave, without: without() }));
              if (done)
                confirmed = performance.now();
              return done;
            }}>
            <p>{runs(upgrade, running, scene.group)}</p>
            <Said text={reasonText('unhealthy')} nodes={sick} />
            <Said text={t('keep.means')} nodes={missing} />
            <p>{t('keep.final')}</p>
          </Ask>
          <Ask what="back" look="large" label={t('return')}>
            <p>{t('return.means')}</p>
            {until}
            {auto}
            <Said text={reasonText('single_slot')} nodes={running.filter(cannotGoBack)} />
          </Ask>
          <KeyAhead />
        </>
      )}
    </div>
  );
}

/* ---- groups ---- */

export const Groups = ({ upgrade, nodes }: { upgrade: Upgrade; nodes: readonly MeshNode[] }) => (
  <ul class="plainlist">
    {Array.from({ length: upgrade.waves }, (_, wave) => {
      const group = nodes.filter(node => node.participant && node.wave === wave);
      return (
        <li key={wave} aria-current={wave === upgrade.wave ? 'step' : undefined}>
          {t('group', { n: wave + 1 })}: <Names names={namesOf(group)} />
          {wave < upgrade.wave && ` – ${t('state.UPDATED')}: ${t('of', { k: group.filter(node => stepsDone(upgrade, node) === 6).length, n: group.length })}`}
        </li>
      );
    })}
  </ul>
);

/* ---- over ---- */

export function Result({ upgrade, nodes }: { upgrade: Upgrade; nodes: readonly MeshNode[] }) {
  const took = nodes.filter(({ participant }) => participant);
  const run = took.filter(({ version }) => version === upgrade.version);
  const late = took.some(({ reason }) => reason === 'window_over');
  const why = new Map<string, MeshNode[]>();
  for (const node of took.filter(one => !run.includes(one))) {
    const reason = (isOf(upgrade, node) && node.reason) || stateWord(node);
    // The first whose time is over takes the others along; nothing failed there.
    const id = reason === 'wave_reverted' && late ? 'window_over' : reason;
    why.set(id, [...(why.get(id) ?? []), node]);
  }
  return (
    <div class="card" data-result={upgrade.phase}>
      <Notice kind={run.length === took.length ? 'good' : 'info'}>
        <p>
          <b>{runs(upgrade, run, took)}</b>
        </p>
      </Notice>
      {[...why].map(([id, group]) => (
        <Notice key={id} kind="warn">
          <Names names={namesOf(group)} />
          <Why reason={id} message={group.every(({ message }) => message === group[0]!.message) ? group[0]!.message : ''} />
        </Notice>
      ))}
      <p class="small">
        {t('by', { name: nameOf('operator', upgrade.signed_by) })}
      </p>
      <a class="button" href="#history">
        {t('place.history')}
      </a>
    </div>
  );
}
