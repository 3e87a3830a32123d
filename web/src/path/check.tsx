// SPDX-License-Identifier: AGPL-3.0-or-later
/** Before the start: what could go wrong, who takes part and how, and what will happen. */
import { useMemo, useState } from 'preact/hooks';
import { currentLive, onLive } from '../model/live';
import type { MeshNode, Release } from '../model/types';
import { startText } from '../sign/orders';
import { reasonText } from '../ui/parts';
import { duration, number, t, tOr, type Word } from '../words';
import { Ask, Button, Do, Names } from '../ui/act';
import { offer, sign } from './sign';
import { draft, expected } from './data';
import { durationOf, findingsOf, KINDS, type Finding, type Kind } from './findings';
import { blocks, candidates, groupsOf, GROUPS_MAX, newDraft, PARTICIPANTS_MAX, startOf, takesPart, withNames, type Draft } from './plan';
import { isOver } from './scene';
import { useStore } from '../ui/store';

const SETTLE_MS = 4000;

const change = (more: Partial<Draft>) => draft.set({ ...draft.now(), ...more });
const policy = (more: Partial<Draft['policy']>) => change({ policy: { ...draft.now().policy, ...more } });
const put = (names: readonly string[], inside: boolean) => draft.set(withNames(draft.now(), expected.now(), names, inside));

/** Until the router tells of the upgrade that it has just taken. */
const settled = () =>
  new Promise<void>(resolve => {
    const done = () => {
      stop();
      clearTimeout(timer);
      resolve();
    };
    const stop = onLive(() => isOver(currentLive().mesh!.upgrade) || done());
    const timer = setTimeout(done, SETTLE_MS);
  });

/* ---- what was found ---- */

/** Routers that pass on what others need matter also where they take no part. */
const isOfWay = (kind: Kind) => kind === 'cut_node' || kind === 'slow_link';

function textOf(kind: Kind, { reason = '', message = '' }: Finding): string {
  const same = { missing: 'silent', unreachable: 'silent', no_way_back: 'single_slot', error: reason }[kind as string];
  return kind === 'again' ? t('rel.same') : kind === 'slow_link' ? t('mesh.slow') : tOr(`find.${kind}`, reasonText(same ?? kind, message));
}

function Found({ kind, found, blocking }: { kind: Kind; found: Finding[]; blocking: boolean }) {
  const names = found.map(({ node }) => node);
  const extra = kind === 'extra';
  return (
    <div class={`notice notice-${blocking ? 'bad' : found[0]!.problem ? 'warn' : 'info'}`} data-found={kind}>
      <div>
        <Names names={found.map(({ node, message, value }) => (kind === 'slow_link' ? `${node}–${message} (${number(value!)} kbit/s)` : node))} />
        {': '}
        {textOf(kind, found[0]!)}
      </div>
      <div class="row">
        {!isOfWay(kind) && <Button what={extra ? 'add' : 'leave'} label={t(extra ? 'who.add' : 'who.leave')} onClick={() => put(names, extra)} />}
        {kind === 'downgrade' && blocking && <Button what="older" label={t('older')} onClick={() => policy({ allow_downgrade: true })} />}
        {kind === 'no_way_back' && blocking && (
          <Ask what="single" label={t('single')} grave work={() => change({ single: new Set([...draft.now().single, ...names]) })}>
            <Names names={names} />
            <p>{t('single.risk')}</p>
          </Ask>
        )}
      </div>
    </div>
  );
}

/* ---- who and how ---- */

interface RadioProps<T extends string> {
  name: string;
  value: T;
  options: Record<T, Word>;
  onPick: (value: T) => void;
}

export const Radio = <T extends string>({ name, value, options, onPick }: RadioProps<T>) => (
  <div role="radiogroup">
    {(Object.entries(options) as [T, Word][]).map(([option, word]) => (
      <label class="pick" key={option}>
        <input type="radio" name={name} data-do={`${name}-${option}`} checked={value === option} onChange={() => onPick(option)} />
        <span>{t(word)}</span>
      </label>
    ))}
  </div>
);

const Box = ({ what, label, value, onPick }: { what: string; label: string; value: boolean; onPick: (value: boolean) => void }) => (
  <label class="pick">
    <input type="checkbox" data-do={what} checked={value} onChange={event => onPick(event.currentTarget.checked)} />
    <span>{label}</span>
  </label>
);

interface NumberProps {
  label: string;
  /** What stands above it says it already. */
  silent?: boolean;
  value: number;
  max: number;
  what: string;
  onPick: (value: number) => void;
}

/** Whole, from 1 on. What is none is not taken, and put right when the person goes on. */
export function NumberField({ label, silent = false, value, max, what, onPick }: NumberProps) {
  const [text, setText] = useState(String(value));
  const good = (typed: string) => /^\d{1,5}$/.test(typed) && +typed >= 1 && +typed <= max;
  return (
    <label class="field">
      <span class={silent ? 'hidden' : ''}>{label}</span>
      <input
        type="number"
        min={1}
        max={max}
        value={text}
        data-do={what}
        aria-invalid={!good(text)}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          if (good(currentTarget.value))
            onPick(+currentTarget.value);
        }}
        onBlur={() => setText(String(value))}
      />
    </label>
  );
}

function Who({ all, nodes, names }: { all: string[]; nodes: ReadonlyMap<string, MeshNode>; names: string[] }) {
  const { base, groups, group } = draft.now();
  const [sought, setSought] = useState('');
  const inside = new Set(names);
  const shown = all.filter(name => name.includes(sought));
  return (
    <details data-do="who">
      <summary>{t('who', { k: names.length, n: all.length })}</summary>
      {expected.now().length > 0 && (
        <Radio name="base" value={base} options={{ expected: 'who.expected', seen: 'who.seen' }} onPick={value => change({ base: value, flipped: new Set() })} />
      )}
      <div class="row">
        <input type="search" aria-label={t('mesh.search')} placeholder={t('mesh.search')} value={sought} onInput={event => setSought(event.currentTarget.value)} />
        <Button what="all" label={t('who.all')} onClick={() => put(shown, true)} />
        <Button what="none" label={t('who.none')} onClick={() => put(shown, false)} />
      </div>
      <ul class="picks">
        {shown.map(name => (
          <li key={name}>
            <Box what={`take-${name}`} label={`${name} – ${nodes.get(name)?.version ?? ''}`} value={inside.has(name)} onPick={value => put([name], value)} />
            {groups > 1 && inside.has(name) && (
              <select
                aria-label={name}
                value={Math.min(group.get(name) ?? groups, groups - 1)}
                onChange={event => change({ group: new Map(group).set(name, +event.currentTarget.value) })}>
                {Array.from({ length: groups }, (_, place) => (
                  <option key={place} value={place}>
                    {t('group', { n: place + 1 })}
                  </option>
                ))}
              </select>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}

function How({ names }: { names: string[] }) {
  const { groups, policy: chosen } = draft.now();
  return (
    <details data-do="more">
      <summary>{t('how')}</summary>
      <div class="lines">
        <NumberField label={t('how.groups')} what="groups" value={groups} max={GROUPS_MAX} onPick={count => change({ groups: count })} />
        {groups > 1 &&
          groupsOf(draft.now(), names).map((group, place) => (
            <div key={place}>
              {t('group', { n: place + 1 })}: <Names names={group} />
            </div>
          ))}
        <Radio name="confirm" value={chosen.confirm} options={{ operator: 'how.you', auto: 'how.auto' }} onPick={confirm => policy({ confirm })} />
        <Radio name="policy" value={chosen.kind} options={{ atomic: 'how.atomic', 'best-effort': 'how.best' }} onPick={kind => policy({ kind })} />
        <NumberField label={t('how.quorum')} what="quorum" value={chosen.quorum} max={100} onPick={quorum => policy({ quorum })} />
        <NumberField label={t('how.hold')} what="hold" value={chosen.hold_ms / 1000} max={600} onPick={seconds => policy({ hold_ms: seconds * 1000 })} />
        <Box what="older" label={t('older')} value={chosen.allow_downgrade} onPick={allow_downgrade => policy({ allow_downgrade })} />
        <Box what="late" label={t('how.late')} value={chosen.catch_up} onPick={catch_up => policy({ catch_up })} />
      </div>
    </details>
  );
}

/* ---- all of it ---- */

export function Check({ nodes, release }: { nodes: readonly MeshNode[]; release: Release }) {
  const now = useStore(draft);
  const belong = useStore(expected);
  const byName = useMemo(() => new Map(nodes.map(node => [node.name, node])), [nodes]);
  const found = useMemo(() => findingsOf(nodes, belong, release), [nodes, belong, release]);
  const inside = takesPart(now, belong);
  const all = candidates(nodes, belong);
  const names = all.filter(inside);
  const time = durationOf(nodes, release, inside);
  const shown = found.filter(({ kind, node }) => isOfWay(kind) || inside(node) !== (kind === 'extra'));
  const stops = shown.filter(finding => blocks(now, finding, byName.get(finding.node)));
  const blocked = stops.length > 0 || names.length === 0 || names.length > PARTICIPANTS_MAX;
  const start = async () => {
    // Rather than a button that does nothing and does not say why.
    if (blocked)
      return document.querySelector('.path .notice-bad, .path [data-do=who]')?.scrollIntoView({ block: 'center' });
    // A stick is read by the router only when somebody who may says so.
    if (release.source === 'media' && !(await offer(release.version, { path: release.place })))
      return;
    const text = () => startText(startOf(draft.now(), currentLive().mesh!, [...currentLive().nodes.values()], names));
    if (!(await sign('order', t('start'), text)))
      return;
    await settled();
    draft.set(newDraft());
  };
  return (
    <>
      {KINDS.map(kind => {
        // What routers say of their errors differs.
        const of = new Map<string, Finding[]>();
        for (const finding of shown.filter(one => one.kind === kind)) {
          const text = textOf(kind, finding);
          of.set(text, [...(of.get(text) ?? []), finding]);
        }
        return [...of].map(([text, some]) => <Found key={kind + text} kind={kind} found={some} blocking={some.some(one => stops.includes(one))} />);
      })}
      {shown.every(({ problem }) => !problem) && <p class="notice notice-good">{t('good')}</p>}
      <div class="card">
        <Who all={all} nodes={byName} names={names} />
        <How names={names} />
        <ol>
          <li>
            {t('will.fetch', { version: release.version, time: duration(time.seconds) })}
          </li>
          <li>{t('will.time')}</li>
          <li>{t(now.policy.confirm === 'auto' ? 'how.auto' : 'will.keep')}</li>
        </ol>
        <Do what="start" look="main large" off={blocked} label={t('start')} onClick={start} />
        <Button what="other" label={`‹ ${t('step.choose')}`} onClick={() => change({ release: null })} />
      </div>
    </>
  );
}
