// SPDX-License-Identifier: AGPL-3.0-or-later
/** In the header: whether this page can sign, as whom, and how to end that. */
import { Button } from '../ui/act';
import { useStore } from '../ui/store';
import { useOutside } from '../ui/hooks';
import { t } from '../words';
import { KeyDialog } from './dialog';
import { asked, nameOf, needKey, ring } from './ring';
import './key.css';

export function KeyChip() {
  const key = useOutside(ring.subscribe, ring.current);
  const wanted = useStore(asked);
  return (
    <div class="keys">
      {key && <b>{nameOf('operator', key.fingerprint)}</b>}
      {key ? (
        <Button what="forget" label={t('key.forget')} onClick={ring.forget} />
      ) : (
        <Button what="unlock" label={t('key.unlock')} onClick={() => needKey()} />
      )}
      {wanted && <KeyDialog {...wanted} />}
    </div>
  );
}
