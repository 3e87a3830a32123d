// SPDX-License-Identifier: AGPL-3.0-or-later
/** An upgrade is open: who fetches, who is ready, when all install it, and how to stop it. */
import { useEffect, useState } from 'preact/hooks';
import { needKey, ring } from '../key/ring';
import { currentLive } from '../model/live';
import { isError, progressOf } from '../model/states';
import type { MeshNode, Upgrade } from '../model/types';
import { abortText, scheduleText } from '../sign/orders';
import { Bar, Notice, StateChip } from '../ui/parts';
import { useOutside, useTick } from '../ui/hooks';
import { bytes, clock, dateTime, duration, t, time } from '../words';
import { Ask, Button, Do, Names, Why } from '../ui/act';
import { sign } from './sign';
import { NumberField, Radio } from './check';
import { progressOfAll, type Scene } from './scene';
import { Speed } from './speed';
import { countdownMs, type When } from './when';

const SHOWN = 8;
/** An order has 159 bytes for it, and no character takes more than three for each half of it. */
const REASON_MAX = 53;

/** So long from now: the time of day, and the day if it is another. */
export function moment(ms: number): string {
  const then = new Date(Date.now() + ms);
  return (then.getDate() === new Date().getDate() ? time : dateTime)(then);
}

export const orderHead = ({ id, epoch }: Upgrade) => ({ mesh: currentLive().mesh!.mesh, upgrade: id, epoch });

export const namesOf = (nodes: readonly MeshNode[]) => nodes.map(({ name }) => name);

/** Who signs later should know that he will need his key: the moment may not wait for it. */
export function KeyAhead() {
  const key = useOutside(ring.subscribe, ring.current);
  return key ? null : <Button what="ahead" label={t('key.unlock')} onClick={() => needKey()} />;
}

export function Stop({ upgrade, look = 'large' }: { upgrade: Upgrade; look?: string }) {
  const [reason, setReason] = useState('');
  return (
    <Ask
      what="abort"
      look={look}
      label={t('stop')}
      grave
      work={() => sign('order', t('stop'), () => abortText({ ...orderHead(upgrade), reason: reason.trim() }))}>
      <p>{t('stop.means')}</p>
      <label class="field">
        {t('stop.why')}
        <input value={reason} maxLength={REASON_MAX} data-do="reason" onInput={event => setReason(event.currentTarget.value)} />
      </label>
    </Ask>
  );
}

/* ---- fetch ---- */

function Row({ node }: { node: MeshNode }) {
  const part = progressOf(node);
  return (
    <li class="fetch">
      <div class="row spread">
        <b>{node.name}</b>
        <StateChip node={node} />
      </div>
      {part !== null && <Bar part={part} label={node.name} />}
      {isError(node) && <Why reason={node.reason ?? ''} message={node.message} />}
    </li>
  );
}

/** Those in trouble first, then the slowest. */
const worst = (one: MeshNode, other: MeshNode) =>
  Number(isError(other)) - Number(isError(one)) || (progressOf(one) ?? 0) - (progressOf(other) ?? 0);

function Waiting({ nodes }: { nodes: readonly MeshNode[] }) {
  const [all, setAll] = useState(false);
  const more = all ? 0 : nodes.length - SHOWN;
  return (
    <>
      <ul class="plainlist">
        {[...nodes]
          .sort(worst)
          .slice(0, more > 0 ? SHOWN : undefined)
          .map(node => (
            <Row key={node.name} node={node} />
          ))}
      </ul>
      {more > 0 && <Button what="more" label={t('more', { n: more })} onClick={() => setAll(true)} />}
    </>
  );
}

let speed = { of: '', by: new Speed() };

export function Fetch({ upgrade, scene, onForce }: { upgrade: Upgrade; scene: Scene; onForce: () => void }) {
  const waiting = scene.missing(1);
  const { held, total } = progressOfAll(scene.group);
  const second = Math.floor(useTick(1000) / 1000);
  useEffect(() => {
    if (speed.of !== upgrade.id)
      speed = { of: upgrade.id, by: new Speed() };
    speed.by.add(performance.now(), held);
  }, [upgrade.id, held, second]);
  const left = speed.by.left(total - held);
  const count = `${t('state.UPGRADE_READY')}: ${t('of', { k: scene.group.length - waiting.length, n: scene.group.length })}`;
  return (
    <div class="card">
      <p role="status">
        <b>{count}</b>
      </p>
      <Bar part={total > 0 ? held / total : 0} label={count} />
      {total > 0 && (
        <p class="small">
          {t('of', { k: bytes(held), n: bytes(total) })} {left !== null && held < total && t('left', { time: duration(left) })}
        </p>
      )}
      <p>{t('fetch.safe')}</p>
      <Waiting nodes={waiting} />
      <Ask what="force" label={t('force')} work={onForce}>
        <Names names={namesOf(waiting)} />
        <p>{t('force.means', { k: scene.needed, n: scene.group.length })}</p>
      </Ask>
      <Stop upgrade={upgrade} />
    </div>
  );
}

/* ---- time ---- */

/** What was chosen outlives the view. */
let chosen = { how: 'now' as When['how'], minutes: 30, time: '', window: 10 };

export function Time({ upgrade, scene }: { upgrade: Upgrade; scene: Scene }) {
  const [, redraw] = useState({});
  useTick(5000);
  const set = (more: Partial<typeof chosen>) => {
    chosen = { ...chosen, ...more };
    redraw({});
  };
  const ms = countdownMs(chosen, new Date());
  const missing = scene.missing(1);
  return (
    <div class="card">
      <Notice kind={missing.length > 0 ? 'warn' : 'good'}>
        <p>
          {t('state.UPGRADE_READY')}: {t('of', { k: scene.group.length - missing.length, n: scene.group.length })}
        </p>
        {missing.length > 0 && (
          <>
            <div>
              {t('missing')} <Names names={namesOf(missing)} />
            </div>
            <p>{t('force.means', { k: scene.needed, n: scene.group.length })}</p>
          </>
        )}
      </Notice>
      <Radio name="when" value={chosen.how} options={{ now: 'time.now', in: 'time.in', at: 'time.at' }} onPick={how => set({ how })} />
      {chosen.how === 'in' && <NumberField label={t('time.in')} silent what="minutes" value={chosen.minutes} max={1440} onPick={minutes => set({ minutes })} />}
      {chosen.how === 'at' && (
        <input type="time" aria-label={t('time.at')} value={chosen.time} data-do="clock" onInput={event => set({ time: event.currentTarget.value })} />
      )}
      <NumberField label={t('time.window')} what="window" value={chosen.window} max={1440} onPick={window => set({ window })} />
      <p>{t('will.keep')}</p>
      {ms !== null && (
        <p>
          <b>{moment(ms)}</b> ({duration(ms / 1000)})
        </p>
      )}
      <Do
        what="schedule"
        look="main large"
        label={t('step.install')}
        disabled={ms === null}
        onClick={() =>
          sign('order', t('step.time'), () =>
            scheduleText({
              ...orderHead(upgrade),
              start: upgrade.start,
              wave: upgrade.wave,
              countdown_ms: countdownMs(chosen, new Date()) ?? 0,
              confirm_window_s: chosen.window * 60,
            }),
          )
        }
      />
      <Stop upgrade={upgrade} />
    </div>
  );
}

/* ---- countdown ---- */

/** Large, for a phone on the table. */
export const Clock = ({ ms }: { ms: number }) => (
  <p class="count" role="timer">
    {clock(ms / 1000)}
  </p>
);

/** The schedule takes a moment to come round; who has not heard of it by then is worth a name. */
const HEARD_MS = 5000;
let heard = { of: '', ms: 0 };

export function Countdown({ upgrade, scene, leftMs }: { upgrade: Upgrade; scene: Scene; leftMs: number | null }) {
  const waiting = scene.missing(2);
  const now = performance.now();
  if (heard.of !== upgrade.schedule)
    heard = { of: upgrade.schedule, ms: now };
  return (
    <div class="card center">
      {leftMs === null ? (
        <p class="count">…</p>
      ) : (
        <>
          <Clock ms={leftMs} />
          {leftMs > 0 && <p>{moment(leftMs)}</p>}
        </>
      )}
      <p>
        {t('state.UPGRADE_SCHEDULED')}: {t('of', { k: scene.group.length - waiting.length, n: scene.group.length })}
      </p>
      {waiting.length > 0 && now - heard.ms > HEARD_MS && (
        <div>
          {t('missing')} <Names names={namesOf(waiting)} />
        </div>
      )}
      <Stop upgrade={upgrade} look="danger large" />
      <KeyAhead />
      <p>{t('away')}</p>
    </div>
  );
}

