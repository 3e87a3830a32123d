// SPDX-License-Identifier: AGPL-3.0-or-later
/** The whole way of an upgrade, one step after the other; the mesh says where we are. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { loadTrust, nameOf, trust } from '../key/ring';
import { useLive, useTick } from '../ui/hooks';
import { t, type Word } from '../words';
import { Check } from './check';
import { Choose } from './choose';
import { draft, loadExpected, loadReleases } from './data';
import { Groups, Install, Keep, Result } from './end';
import { Countdown, Fetch, Time } from './open';
import { isOver, sceneOf, stepOf, STEPS, type Step } from './scene';
import { useStore } from '../ui/store';
import './path.css';

function Stepper({ step }: { step: Step }) {
  const at = STEPS.indexOf(step);
  return (
    <ol class="stepper">
      {STEPS.map((name, place) => (
        <li key={name} class={place < at ? 'done' : ''} aria-current={place === at ? 'step' : undefined}>
          <span aria-hidden="true">{place < at ? '✓' : place + 1}</span>
          <b>{t(`step.${name}` as Word)}</b>
        </li>
      ))}
    </ol>
  );
}

/** When the installation began, as far as this page saw it. */
let began = { of: '', ms: 0 };

export function PathView() {
  const live = useLive();
  const chosen = useStore(draft).release;
  const [forced, setForced] = useState('');
  const mesh = live.mesh!;
  const upgrade = mesh.upgrade;
  const open = upgrade !== null && !isOver(upgrade);
  useStore(trust);
  useEffect(() => {
    for (const load of [loadTrust, loadExpected, loadReleases])
      load().catch(() => undefined);
  }, [mesh.node, live.link]);
  const now = useTick(500, open && upgrade.phase !== 'open');
  const nodes = useMemo(() => [...live.nodes.values()], [live.nodes]);
  const silent = live.link === 'lost';
  const leftOf = (ms: number | null | undefined) => (ms == null ? null : Math.max(0, ms - (now - live.receivedMs)));
  const countdown = leftOf(upgrade?.countdown_ms);
  const scene = useMemo(() => (open ? sceneOf(upgrade, nodes) : null), [upgrade, nodes, open]);
  const group = open ? `${upgrade.id} ${upgrade.wave}` : '';
  const step = stepOf(upgrade, scene, chosen !== null, forced === group, silent && countdown === 0);
  if (began.of !== group)
    began = { of: group, ms: 0 };
  if (upgrade?.countdown_ms != null)
    began.ms = live.receivedMs + upgrade.countdown_ms;
  else if (step === 'install')
    began.ms ||= now;
  // A router that is not on trial itself does not know how long the others are; at least so long, if we saw it begin.
  const guess = open && began.ms > 0 ? Math.max(0, began.ms + upgrade.confirm_window_s * 1000 - now) : null;
  const place = step === 'time' && upgrade?.phase === 'scheduled' ? 'countdown' : step;
  return (
    <section class="path" data-step={place} aria-label={t('place.upgrade')}>
      <Stepper step={step} />
      {!open && upgrade && !chosen && (
        <>
          <h2>{upgrade.version}: {t(`past.end.${upgrade.phase}` as Word)}</h2>
          <Result upgrade={upgrade} nodes={nodes} />
        </>
      )}
      {place !== 'choose' && (
        <h2>
          {t(`step.${step}` as Word)}: {(open ? upgrade : chosen!).version}
        </h2>
      )}
      {scene && open && (
        <>
          {upgrade.waves > 1 && <Groups upgrade={upgrade} nodes={nodes} />}
          {place === 'fetch' && <Fetch upgrade={upgrade} scene={scene} onForce={() => setForced(group)} />}
          {place === 'time' && <Time upgrade={upgrade} scene={scene} />}
          {place === 'countdown' && <Countdown upgrade={upgrade} scene={scene} leftMs={countdown} />}
          {place === 'install' && <Install upgrade={upgrade} scene={scene} silent={silent} sinceMs={now - began.ms} />}
          {place === 'keep' && <Keep upgrade={upgrade} scene={scene} leftMs={leftOf(upgrade.window_remaining_ms) ?? guess} />}
          <p class="small">{t('by', { name: nameOf('operator', upgrade.signed_by) })}</p>
        </>
      )}
      {place === 'choose' && <Choose nodes={nodes} node={mesh.node} />}
      {place === 'check' && <Check nodes={nodes} release={chosen!} />}
    </section>
  );
}
