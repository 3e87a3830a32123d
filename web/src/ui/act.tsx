// SPDX-License-Identifier: AGPL-3.0-or-later
/** Buttons that do something that may be refused, and say so beside themselves; and dialogs that ask before. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError } from '../model/api';
import { Dialog, Notice, reasonText } from './parts';
import { list, t } from '../words';

export interface Told {
  reason: string;
  message: string;
}

/** Of the router's refusals, and of what is wrong with what somebody gave (src/sign/trouble.ts). */
export function toldOf(error: unknown): Told {
  if (error instanceof ApiError)
    return { reason: error.reason, message: error.reason === 'unreachable' ? '' : error.message };
  const { word, where = '' } = error as { word?: string; where?: string };
  return word ? { reason: word, message: where } : { reason: 'internal', message: String(error) };
}

/** In our words, and what the router said itself, which may name more. */
export function Why({ reason, message = '' }: { reason: string; message?: string | undefined }) {
  const text = reasonText(reason, message);
  return (
    <>
      <p>{text}</p>
      {message && message !== text && (
        <p class="small" lang="en">
          {message}
        </p>
      )}
    </>
  );
}

export const Refused = ({ told }: { told: Told | null }) =>
  told && (
    <Notice kind="bad">
      <Why {...told} />
    </Notice>
  );

export function useAct() {
  const [state, set] = useState<{ busy: boolean; told: Told | null }>({ busy: false, told: null });
  const run = async (work: () => unknown) => {
    set({ busy: true, told: null });
    try {
      await work();
      set({ busy: false, told: null });
    } catch (error) {
      set({ busy: false, told: toldOf(error) });
    }
  };
  return { ...state, run };
}

interface ButtonProps {
  what: string;
  label: ComponentChildren;
  look?: string;
  disabled?: boolean;
  /** Looks as if disabled, and can be pressed: to say why, or to be asked in vain. */
  off?: boolean;
  onClick: () => unknown;
}

export const Button = ({ what, label, look = '', disabled = false, off = false, onClick }: ButtonProps) => (
  <button type="button" class={look} data-do={what} disabled={disabled} aria-disabled={off} onClick={onClick}>
    {label}
  </button>
);

export function Do(button: ButtonProps) {
  const { busy, told, run } = useAct();
  return (
    <>
      <Refused told={told} />
      {/* Disabled it would lose the focus, which a dialog gives back to it. */}
      <Button {...button} off={busy || !!button.off} onClick={() => busy || run(button.onClick)} />
    </>
  );
}

/**
 * A button that says what will happen before it does. `work` returns whether it did; without it there is nothing to do
 * but to know.
 */
export function Ask({ work, grave, children, ...button }: Omit<ButtonProps, 'onClick'> & { work?: () => unknown; grave?: boolean; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <>
      <Button {...button} onClick={() => setOpen(true)} />
      {open && (
        <Dialog title={String(button.label)} onClose={close}>
          {children}
          {work && (
            <Do
              what={`${button.what}-really`}
              label={button.label}
              look={grave ? 'danger large' : 'main large'}
              onClick={async () => (await work()) !== false && close()}
            />
          )}
          <Button what="close" label={t('close')} onClick={close} />
        </Dialog>
      )}
    </>
  );
}

const FEW = 5;

/** A few in a sentence, many behind their number. */
export const Names = ({ names }: { names: readonly string[] }) =>
  names.length <= FEW ? (
    <b>{list([...names])}</b>
  ) : (
    <details class="names">
      <summary>{t('routers', { n: names.length })}</summary>
      {list([...names])}
    </details>
  );
