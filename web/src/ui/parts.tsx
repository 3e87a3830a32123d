// SPDX-License-Identifier: AGPL-3.0-or-later
/** The small parts that everything is made of. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { percent, t, tOr } from '../words';
import { sameReason } from '../model/reasons';
import { SIGNS, toneOf, type Tone } from '../model/states';
import type { MeshNode } from '../model/types';

export const stateWord = (node: MeshNode) => (node.state ? tOr(`state.${node.state}`, node.state) : t('state.unseen'));

/** A reason's sentence; `message` is what the node itself said, in English, when we have no words for it. */
export const reasonText = (reason: string, message = '') => tOr(`reason.${sameReason(reason)}`, message || reason);

export function Sign({ tone }: { tone: Tone }) {
  return (
    <span class={`sign tone-${tone}`} aria-hidden="true">
      {SIGNS[tone]}
    </span>
  );
}

export function StateChip({ node }: { node: MeshNode }) {
  return (
    <span class="chip">
      <Sign tone={toneOf(node)} />
      {stateWord(node)}
    </span>
  );
}

export function Bar({ part, label }: { part: number; label: string }) {
  return (
    <span class="bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.floor(part * 100)} aria-valuetext={percent(part)}>
      <span style={{ width: `${Math.max(0, Math.min(1, part)) * 100}%` }} />
    </span>
  );
}

export type Kind = 'info' | 'good' | 'warn' | 'bad';

export function Notice({ kind = 'info', children }: { kind?: Kind; children: ComponentChildren }) {
  return (
    <div class={`notice notice-${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
      {children}
    </div>
  );
}

/** On top of everything, until it is answered. Escape and a touch outside mean no. */
export function Dialog({ title, children, onClose }: { title: string; children: ComponentChildren; onClose: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const first = box.current?.querySelector<HTMLElement>('[autofocus], input, select, button:not(.close)');
    (first ?? box.current)?.focus();
    document.documentElement.classList.add('has-dialog');
    return () => {
      document.documentElement.classList.remove('has-dialog');
      if (before instanceof HTMLElement)
        before.focus();
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      onClose();
    }
    if (event.key !== 'Tab' || !box.current)
      return;
    const all = [...box.current.querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary')].filter(
      element => !element.hasAttribute('disabled') && element.offsetParent !== null,
    );
    const end = event.shiftKey ? all[0] : all[all.length - 1];
    if (document.activeElement === end || document.activeElement === box.current) {
      event.preventDefault();
      (event.shiftKey ? all[all.length - 1] : all[0])?.focus();
    }
  };
  return (
    <div class="veil" onMouseDown={event => event.target === event.currentTarget && onClose()}>
      <div class="dialog" role="dialog" aria-modal="true" aria-labelledby={id} tabIndex={-1} ref={box} onKeyDown={onKeyDown}>
        <div class="head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="close" aria-label={t('close')} onClick={onClose}>
            ×
          </button>
        </div>
        {children}
      </div>
    </div>
  );
}
