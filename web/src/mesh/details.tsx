// SPDX-License-Identifier: AGPL-3.0-or-later
/** All that is known of one router. */
import type { Upgrade } from '../model/types';
import { Bar, Dialog, Notice, reasonHelp, reasonText } from '../ui/parts';
import { bytes, number, t } from '../words';
import { Chip, heardText } from './list';
import { fingerprint, pageOf, SLOW_KBIT, speed, underWay, type MeshLink, type Survey } from './survey';

function speedText({ kbit, both }: MeshLink): string {
  if (kbit === null)
    return t('mesh.unmeasured');
  const [value, unit] = speed(kbit);
  const notes = [kbit < SLOW_KBIT && t('mesh.slow'), !both && t('mesh.key.one')].filter(Boolean);
  return `${number(value, 1)} ${unit}${notes.length ? ` (${notes.join('; ')})` : ''}`;
}

export function Details(props: { survey: Survey; name: string; upgrade: Upgrade | null; onOpen: (name: string) => void; onClose: () => void }) {
  const { survey, name, upgrade, onOpen, onClose } = props;
  const at = survey.rows.findIndex(row => row.name === name);
  const row = survey.rows[at];
  if (!row)
    return null;
  const { node } = row;
  const page = pageOf(node.address);
  const key = fingerprint(node.key);
  const help = node.reason && reasonHelp(node.reason);
  return (
    <Dialog title={name} onClose={onClose}>
      <p class="row">
        <Chip row={row} />
        {node.here && t('mesh.here')}
      </p>
      {row.part !== null && <Bar part={row.part} label={name} />}
      {row.part !== null && <p>{t('mesh.held', { held: bytes(node.held_bytes ?? 0), all: bytes(node.image_bytes ?? 0) })}</p>}
      {row.kind === 'gone' && (
        <Notice kind="warn">
          <p>{t('mesh.gone.help')}</p>
        </Notice>
      )}
      {node.reason && (
        <Notice kind={row.tone === 'wrong' ? 'bad' : 'info'}>
          <p>{reasonText(node.reason, node.message)}</p>
          {help && <p>{help}</p>}
        </Notice>
      )}
      {node.state === 'CONFIRMATION_PENDING' && !node.healthy && <p>{t('mesh.unhealthy')}</p>}
      {underWay(upgrade) && !node.participant && <p>{t('mesh.outside')}</p>}
      {row.oneWay && (
        <Notice kind="warn">
          <p>
            <strong>▲ {t('mesh.one.way')}.</strong> {t('mesh.one.way.help')}
          </p>
        </Notice>
      )}
      {node.slots! > 1 && <p>{t('mesh.two.ways')}</p>}
      <dl class="facts">
        {node.version && [<dt>{t('mesh.firmware')}</dt>, <dd>{node.version}</dd>]}
        {node.board && [<dt>{t('mesh.board')}</dt>, <dd>{node.board}</dd>]}
        {upgrade && upgrade.waves > 1 && node.participant && <dd>{t("mesh.group", { wave: node.wave + 1, n: upgrade.waves })}</dd>}
        {survey.near[at]!.size > 0 && [
          <dt>{t('mesh.neighbours')}</dt>,
          <dd>
            <ul>
              {[...survey.near[at]!].map(([other, link]) => (
                <li key={other}>
                  <button type="button" class="plain" onClick={() => onOpen(survey.rows[other]!.name)}>{survey.rows[other]!.name}</button>
                  <span class={link.kbit !== null && link.kbit < SLOW_KBIT ? 'slow' : ''}>{speedText(link)}</span>
                </li>
              ))}
            </ul>
          </dd>,
        ]}
      </dl>
      <p class="small">
        {heardText(row)}
        {key && <> · {t('mesh.fingerprint')} <code>{key}</code></>}
      </p>
      {page && !node.here && (
        <a class="button" href={page} rel="noreferrer">{t('mesh.page')}</a>
      )}
    </Dialog>
  );
}
