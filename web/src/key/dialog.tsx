// SPDX-License-Identifier: AGPL-3.0-or-later
/** Asks for the key that signs: the community's passphrase, or a key file. Nothing of it leaves this page. */
import { useRef, useState } from 'preact/hooks';
import { currentLive } from '../model/live';
import { Refused, useAct } from '../ui/act';
import { deriveKey } from '../sign/passphrase';
import { readSecret, type SecretKey } from '../sign/usign';
import { Bar, Dialog, Notice, reasonText } from '../ui/parts';
import { list, t } from '../words';
import { loadTrust, ring } from './ring';

/** A key file has some hundred bytes. */
const FILE_SIZE_MAX = 4096;

export function KeyDialog({ what, answer }: { what: string; answer: (key: SecretKey | null) => void }) {
  const [phrase, setPhrase] = useState('');
  const [shown, setShown] = useState(false);
  const [part, setPart] = useState<number | null>(null);
  const [strange, setStrange] = useState<{ text: string; names: string } | null>(null);
  const { busy, told, run } = useAct();
  const open = useRef(true);

  const close = () => {
    open.current = false;
    answer(null);
  };
  const take = (wrong: () => string, make: () => Promise<SecretKey>) =>
    run(async () => {
      setStrange(null);
      const { keys } = (await loadTrust()).operator;
      const key = await make().finally(() => setPart(null));
      const trusted = keys.some(({ fingerprint }) => fingerprint === key.fingerprint);
      if (open.current && trusted) {
        ring.unlock(key);
        return answer(key);
      }
      key.wipe();
      setStrange({ text: wrong(), names: list(keys.map(({ name }) => name)) });
    });

  return (
    <Dialog title={t('key.unlock')} onClose={close}>
      {what && <p>{t('key.signs', { what })}</p>}
      <form
        class="lines"
        onSubmit={event => {
          event.preventDefault();
          void take(
            () => t('key.wrong'),
            () => deriveKey(phrase, currentLive().mesh!.mesh, percent => setPart(percent / 100)),
          );
        }}>
        <label class="field">
          {t('key.phrase')}
          <input
            type={shown ? 'text' : 'password'}
            value={phrase}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            data-do="phrase"
            onInput={event => setPhrase(event.currentTarget.value)}
          />
        </label>
        <label class="pick">
          <input type="checkbox" checked={shown} onChange={event => setShown(event.currentTarget.checked)} />
          {t('key.show')}
        </label>
        {part !== null && (
          <>
            <p role="status">{t('key.wait')}</p>
            <Bar part={part} label={t('key.wait')} />
          </>
        )}
        <Refused told={told} />
        {strange && (
          <Notice kind="bad">
            <p>{strange.text}</p>
            <p>{t('key.trusted', { names: strange.names || '–' })}</p>
          </Notice>
        )}
        <button class="main large" data-do="derive" disabled={busy || !phrase}>
          {t('key.unlock')}
        </button>
      </form>
      <label class="button">
        {t('key.file')}
        <input
          type="file"
          class="hidden"
          data-do="keyfile"
          disabled={busy}
          onChange={event => {
            const file = event.currentTarget.files?.[0];
            event.currentTarget.value = '';
            if (file)
              void take(
                () => reasonText('untrusted_key'),
                async () => readSecret(await file.slice(0, FILE_SIZE_MAX).text()),
              );
          }}
        />
      </label>
      <p class="small">{t('key.memory')}</p>
    </Dialog>
  );
}
