// SPDX-License-Identifier: AGPL-3.0-or-later
/** All that is known of one router. */
import type { ComponentChildren } from 'preact';
import type { Upgrade } from '../model/types';
import { reasonOf } from '../model/states';
import { Dialog, Notice, reasonText } from '../ui/parts';
import { bytes, t, type Word } from '../words';
import { speed } from './draw';
import { heardText, How, Warn } from './list';
import { fingerprint, pageOf, underWay, type Survey } from './survey';

function Fact({ word, children }: { word: Word; children: ComponentChildren }) {
  return children ? (
    <div>
      <dt>{t(word)}</dt>
      <dd>{children}</dd>
    </div>
  ) : null;
}

export function Details(props: { survey: Survey; name: string; upgrade: Upgrade | null; onOpen: (name: string) => void; onClose: () => void }) {
  const { survey, name, upgrade, onOpen, onClose } = props;
  const at = survey.rows.findIndex(row => row.name === name);
  const row = survey.rows[at];
  if (!row)
    return null;
  const { node } = row;
  const reason = reasonOf(node);
  const page = pageOf(node.address);
  return (
    <Dialog title={name} onClose={onClose}>
      <div><How row={row} /></div>
      {row.part !== null && <p>{t('of', { k: bytes(node.held_bytes ?? 0), n: bytes(node.image_bytes!) })}</p>}
      {node.here && <p>{t('mesh.here')}</p>}
      {underWay(upgrade) && <p>{node.participant ? upgrade.waves > 1 && t('group', { n: node.wave + 1 }) : t('mesh.outside')}</p>}
      {row.kind === 'gone' && <Notice kind="warn">{t('keep.look')}</Notice>}
      {reason && (
        <Notice kind={row.tone === 'wrong' ? 'bad' : 'info'}>
          <p>{reasonText(reason, node.message)}</p>
        </Notice>
      )}
      {row.oneWay ? <Notice kind="warn"><p><Warn /> {t('reason.single_slot')}</p></Notice> : node.slots && <p>{t('mesh.two.ways')}</p>}
      <dl class="facts">
        <Fact word="mesh.firmware">{node.version}</Fact>
        <Fact word="mesh.board">{node.board}</Fact>
        <Fact word="mesh.neighbours">
          {survey.near[at]!.size > 0 && [...survey.near[at]!].map(([other, { kbit, sides, slow }]) => (
            <p key={other} class={slow ? 'row slow' : 'row'}>
              <button type="button" class="plain" onClick={() => onOpen(survey.rows[other]!.name)}>{survey.rows[other]!.name}</button>
              {[kbit !== null && speed(kbit), slow && t('mesh.slow'), sides < 2 && t('mesh.unmeasured')].filter(Boolean).join('; ')}
            </p>
          ))}
        </Fact>
        <Fact word="mesh.key"><code>{fingerprint(node.key)}</code></Fact>
      </dl>
      <small>{heardText(row)}</small>
      {page && !node.here && <a class="button" href={page} rel="noreferrer">{t('mesh.page')}</a>}
    </Dialog>
  );
}
