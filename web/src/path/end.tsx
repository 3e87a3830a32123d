// SPDX-License-Identifier: AGPL-3.0-or-later
/** Firmware is installed, on trial, kept, or gone back; and what came of an upgrade that is over. */
import { nameOf } from '../key/ring';
import { cannotGoBack, isGone } from '../model/states';
import type { MeshNode, Upgrade } from '../model/types';
import { confirmText } from '../sign/orders';
import { Notice, reasonText, stateWord } from '../ui/parts';
import { duration, t, time } from '../words';
import { Ask, Names, sign, Why } from './act';
import { Clock, KeyAhead, namesOf, orderHead } from './open';
import { isOf, stepsDone, type Scene } from './scene';

/** A router that is restarting says nothing for so long. */
const DARK_MS = 8000;

const Line = ({ label, nodes }: { label: string; nodes: readonly MeshNode[] }) =>
  nodes.length === 0 ? null : (
    <div>
      {label} <Names names={namesOf(nodes)} />
    </div>
  );

/* ---- install ---- */

export function Install({ scene, silent, sinceMs }: { scene: Scene; silent: boolean; sinceMs: number }) {
  const back = scene.done(4);
  const rest = scene.missing(4);
  const dark = rest.filter(({ seen_ms }) => (seen_ms ?? DARK_MS) >= DARK_MS);
  return (
    <div class="card">
      <p role="status">
        <b>{t('state.FLASHING')}…</b> {sinceMs > 0 && t('since', { time: duration(sinceMs / 1000) })}
      </p>
      {!silent && (
        <>
          <Line label={t('back')} nodes={back} />
          <Line label={`${t('state.FLASHING')}:`} nodes={rest.filter(node => !dark.includes(node))} />
          <Line label={t('missing')} nodes={dark} />
        </>
      )}
      <p>{t('away')}</p>
      <p>{reasonText('too_late')}</p>
    </div>
  );
}

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

export function Keep({ upgrade, scene, leftMs }: { upgrade: Upgrade; scene: Scene; leftMs: number | null }) {
  const running = scene.done(4);
  const missing = scene.missing(4);
  const sick = running.filter(node => stepsDone(upgrade, node) === 4);
  const kept = scene.done(6).length;
  const all = missing.length === 0;
  const auto = upgrade.confirm === 'auto' && <p>{t('how.auto')}</p>;
  const until = leftMs === null ? duration(upgrade.confirm_window_s) : time(new Date(Date.now() + leftMs));
  return (
    <div class="card">
      {kept === 0 && (
        <div class="center">
          {leftMs !== null && <Clock ms={leftMs} />}
          <p>{t('keep.until', { time: until })}</p>
        </div>
      )}
      <p role="status">
        <b>
          {upgrade.version}: {t('of', { k: running.length, n: scene.group.length })}
        </b>
      </p>
      {kept > 0 && (
        <p role="status">
          {t('state.UPDATED')}: {t('of', { k: kept, n: scene.group.length })}
        </p>
      )}
      {!all && (
        <Notice kind="warn">
          <p>{t('missing')}</p>
          <Each nodes={missing} tell={node => (isOf(upgrade, node) && node.reason ? [node.reason, node.message] : ['', isGone(node, true) ? t('state.unseen') : stateWord(node)])} />
          <p>{t('keep.look')}</p>
        </Notice>
      )}
      {sick.length > 0 && (
        <Notice kind="warn">
          <Line label="" nodes={sick} />
          <p>{reasonText('unhealthy')}</p>
        </Notice>
      )}
      {all && sick.length + kept === 0 && <p class="notice notice-good">{t('keep.good')}</p>}
      {kept === 0 && (
        <>
          {auto}
          <Ask
            what={all ? 'confirm' : 'without'}
            look={all ? 'main large' : 'large'}
            label={t(all ? 'keep' : 'keep.without')}
            work={() => sign('order', t('keep'), () => confirmText({ ...orderHead(upgrade), wave: upgrade.wave, without: namesOf(missing) }))}>
            <Line label={`${t('keep.for.good')}`} nodes={running} />
            <Line label={reasonText('unhealthy')} nodes={sick} />
            <Line label={t('keep.means')} nodes={missing} />
          </Ask>
          <Ask what="back" look="large" label={t('return')}>
            <p>{t('return.means')}</p>
            <p>{t('keep.until', { time: until })}</p>
            {auto}
            <Line label={reasonText('single_slot')} nodes={running.filter(cannotGoBack)} />
          </Ask>
          <KeyAhead />
        </>
      )}
    </div>
  );
}

/* ---- groups ---- */

export const Groups = ({ upgrade, nodes }: { upgrade: Upgrade; nodes: readonly MeshNode[] }) => (
  <ol class="groups">
    {Array.from({ length: upgrade.waves }, (_, wave) => {
      const group = nodes.filter(node => node.participant && node.wave === wave);
      return (
        <li key={wave} aria-current={wave === upgrade.wave ? 'step' : undefined}>
          {t('group', { n: wave + 1 })} <Names names={namesOf(group)} />
          {wave < upgrade.wave && ` – ${t('state.UPDATED')}: ${t('of', { k: group.filter(node => stepsDone(upgrade, node) === 6).length, n: group.length })}`}
        </li>
      );
    })}
  </ol>
);

/* ---- over ---- */

export function Result({ upgrade, nodes }: { upgrade: Upgrade; nodes: readonly MeshNode[] }) {
  const took = nodes.filter(({ participant }) => participant);
  const run = took.filter(({ version }) => version === upgrade.version);
  const why = new Map<string, MeshNode[]>();
  for (const node of took.filter(one => !run.includes(one))) {
    const id = isOf(upgrade, node) && node.reason ? `${node.reason}\n${node.message ?? ''}` : `\n${stateWord(node)}`;
    why.set(id, [...(why.get(id) ?? []), node]);
  }
  return (
    <div class="card" data-result={upgrade.phase}>
      <Notice kind={run.length === took.length ? 'good' : 'info'}>
        <p>
          <b>
            {upgrade.version}: {t('of', { k: run.length, n: took.length })}
          </b>
        </p>
      </Notice>
      {[...why].map(([id, group]) => (
        <Notice key={id} kind="warn">
          <Names names={namesOf(group)} />
          <Why reason={id.split('\n')[0]!} message={id.split('\n')[1]} />
        </Notice>
      ))}
      <p class="small">
        {t('by', { name: nameOf('operator', upgrade.signed_by) })} · <a href="#history">{t('place.history')}</a>
      </p>
    </div>
  );
}
