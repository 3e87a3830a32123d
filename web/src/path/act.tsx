// SPDX-License-Identifier: AGPL-3.0-or-later
/** Buttons that change something: they sign, post, and say beside themselves what was refused. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { needKey } from '../key/ring';
import { ApiError, post } from '../model/api';
import { currentLive } from '../model/live';
import { offerText, type Offered } from '../sign/orders';
import { Trouble } from '../sign/trouble';
import { Dialog, Notice, reasonText } from '../ui/parts';
import { list, t } from '../words';

export interface Told {
  reason: string;
  message: string;
}

export const toldOf = (error: unknown): Told =>
  error instanceof ApiError
    ? { reason: error.reason, message: error.reason === 'unreachable' ? '' : error.message }
    : error instanceof Trouble
      ? { reason: error.word, message: error.where }
      : { reason: 'internal', message: String(error) };

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

/** `what` is what is signed, in words. False: the person would not give a key. */
export async function sign(kind: 'order' | 'offer', what: string, text: () => string): Promise<boolean> {
  const key = await needKey(what);
  if (!key)
    return false;
  const document = text();
  await post(`/v1/${kind}s`, JSON.stringify({ [kind]: document, signature: key.sign(document) }));
  return true;
}

/** To this router, which is to have a release for the others. */
export const offer = (name: string, what: Offered) =>
  sign('offer', name, () => {
    const { mesh, node, highest_epoch } = currentLive().mesh!;
    return offerText({ mesh, node, epoch: highest_epoch + 1, what });
  });

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
  onClick: () => unknown;
}

export const Button = ({ what, label, look = '', disabled = false, onClick }: ButtonProps) => (
  <button type="button" class={look} data-do={what} disabled={disabled} onClick={onClick}>
    {label}
  </button>
);

export function Do(button: ButtonProps) {
  const { busy, told, run } = useAct();
  return (
    <>
      <Refused told={told} />
      <Button {...button} disabled={busy || !!button.disabled} onClick={() => run(button.onClick)} />
    </>
  );
}

/**
 * A button that says what will happen before it does. `work` returns whether it did; without it there is nothing to do
 * but to know.
 */
export function Ask({ work, children, ...button }: Omit<ButtonProps, 'onClick'> & { work?: () => unknown; children: ComponentChildren }) {
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
              look={/main/.test(button.look ?? '') ? 'main large' : 'danger large'}
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
