// SPDX-License-Identifier: AGPL-3.0-or-later
/** What runs now, what could run, and how more of it comes here. */
import { useState } from 'preact/hooks';
import { nameOf, trust } from '../key/ring';
import { ApiError } from '../model/api';
import type { MeshNode, Release } from '../model/types';
import { fileOfBlob } from '../sign/files';
import { Bar, reasonText } from '../ui/parts';
import { bytes, dateTime, duration, list, t, type Word } from '../words';
import { Button, Do, Refused } from '../ui/act';
import { offer } from './sign';
import { choose, loadReleases, releases } from './data';
import { compare, imageFor } from './findings';
import { useStore } from '../ui/store';
import { cancelUpload, sendFiles, upload } from './upload';

const LOOK_AGAIN_MS = 1000;

/** "Demo 1.0: 11 routers" */
function Running({ nodes }: { nodes: readonly MeshNode[] }) {
  const counts = new Map<string, number>();
  for (const { version } of nodes)
    if (version)
      counts.set(version, (counts.get(version) ?? 0) + 1);
  return (
    <div class="card">
      <h2>{t('rel.now')}</h2>
      {[...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([version, n]) => (
          <p key={version}>
            {version}: {t('routers', { n })}
          </p>
        ))}
    </div>
  );
}

/** For whom is it older, the same, newer? The one that asks for most care is told. */
function newsOf(release: Release, nodes: readonly MeshNode[]): Word {
  const signs = nodes.filter(({ state }) => state).map(node => compare(release, node));
  return signs.includes(-1) ? 'rel.old' : signs.includes(1) ? 'rel.new' : 'rel.same';
}

function Card({ release, nodes }: { release: Release; nodes: readonly MeshNode[] }) {
  const { version, place, source, state, created, info_url, trusted } = release;
  const ready = state === 'ready';
  const news = newsOf(release, nodes);
  const made = new Date(created);
  const names = list(release.signed_by.map(fingerprint => nameOf('release', fingerprint)));
  return (
    <article class="card" data-release={release.id}>
      <div class="row spread">
        <h3>{version}</h3>
        {ready && <span class="tag">{t(news)}</span>}
      </div>
      <p class="small">
        {!isNaN(made.getTime()) && `${dateTime(made)} `}
        {/^(media|url)$/.test(source) && place}
        {/^https?:\/\//.test(info_url) && (
          <a href={info_url} target="_blank" rel="noreferrer">
            {t('rel.info')}
          </a>
        )}
      </p>
      <p>
        {names && t('rel.signed', { names })} {!trusted && <b>{reasonText('bad_signature')}</b>}{' '}
        {t('rel.fits', { k: nodes.filter(({ board }) => imageFor(release, board)).length, n: nodes.length })}
      </p>
      {!ready && (
        <p>
          {t('of', { k: bytes(release.held), n: bytes(release.size) })} {t('rel.resume')}
        </p>
      )}
      {ready && trusted && (
        <Button what="choose" look={news === 'rel.new' ? 'main' : ''} label={t('step.choose')} onClick={() => choose(release)} />
      )}
    </article>
  );
}

/** Until the router has seen what is there. */
async function fetchFrom(url: string) {
  if (!(await offer(url, { url })))
    return;
  for (;;) {
    const found = (await loadReleases()).find(({ source, place }) => source === 'url' && place === url);
    if (found?.state === 'ready' && found.trusted)
      return choose(found);
    if (found?.state !== 'fetching')
      throw new ApiError(found?.reason || (found ? 'bad_signature' : 'fetch_failed'), found?.message ?? '');
    await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

function FromAddress() {
  const [url, setUrl] = useState('');
  const whole = url.trim().replace(/\/?(release\.json)?$/, '/');
  return (
    <details>
      <summary>{t('from.url')}</summary>
      <input type="url" class="wide" aria-label={t('from.url')} value={url} data-do="address" onInput={event => setUrl(event.currentTarget.value)} />
      <Do what="url" label={t('step.fetch')} disabled={!/^http:\/\/[^/]/.test(whole)} onClick={() => fetchFrom(whole)} />
    </details>
  );
}

const Pick = ({ label, what, folder }: { label: string; what: string; folder?: boolean }) => (
  <label class="button">
    {label}
    <input
      type="file"
      class="hidden"
      multiple
      data-do={what}
      {...(folder ? { webkitdirectory: true } : {})}
      onChange={event => {
        const files = [...(event.currentTarget.files ?? [])].map(file => fileOfBlob(file.webkitRelativePath || file.name, file));
        event.currentTarget.value = '';
        void sendFiles(files);
      }}
    />
  </label>
);

function Uploading() {
  const now = useStore(upload);
  if (!now)
    return null;
  const { state, done, total, left, version, told } = now;
  const failed = state === 'failed';
  const label = state === 'checking' ? `${t('step.check')} ${version}…` : t('sending', { version });
  return (
    <div class="card" data-upload={state}>
      <p role="status">{state === 'waiting' ? reasonText('unreachable') : label}</p>
      <Refused told={told} />
      {!failed && (
        <>
          <Bar part={total > 0 ? done / total : 0} label={label} />
          <p class="small">
            {t('of', { k: bytes(done), n: bytes(total) })} {left !== null && t('left', { time: duration(left) })}
          </p>
        </>
      )}
      <div class="row">
        {failed && <Button what="retry" label={t('again')} onClick={() => sendFiles()} />}
        <Button what="cancel" label={t(failed ? 'close' : 'stop')} onClick={cancelUpload} />
      </div>
    </div>
  );
}

export function Choose({ nodes, node }: { nodes: readonly MeshNode[]; node: string }) {
  const all = useStore(releases);
  useStore(trust);
  return (
    <>
      <Running nodes={nodes} />
      {all.map(release => (
        <Card key={release.id + release.place} release={release} nodes={nodes} />
      ))}
      <Uploading />
      <div class="card">
        <details>
          <summary>{t('from.phone')}</summary>
          <p>{reasonText('no_release')}</p>
          <div class="row">
            <Pick label={t('from.files')} what="upload" />
            {'webkitdirectory' in HTMLInputElement.prototype && <Pick label={t('from.folder')} what="upload-folder" folder />}
          </div>
        </details>
        <FromAddress />
        <details>
          <summary>{t('from.stick', { node })}</summary>
          <Do what="look" label={t('again')} onClick={loadReleases} />
        </details>
      </div>
    </>
  );
}
