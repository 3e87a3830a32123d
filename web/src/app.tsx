// SPDX-License-Identifier: AGPL-3.0-or-later
/** The frame: what mesh this is, whether we still hear of it, and the three places to be. */
import { useEffect, useState } from 'preact/hooks';
import { duration, currentLanguage, languageName, languages, setLanguage, t, type Word } from './words';
import { useLanguage, useLive, useTick, useWide } from './ui/hooks';
import { MeshView } from './mesh/view';
import { PathView } from './path/view';
import { HistoryView } from './history/view';
import { KeyChip } from './key/chip';

const PLACES = ['mesh', 'upgrade', 'history'] as const;
type Place = (typeof PLACES)[number];

const placeNow = (): Place => PLACES.find(place => location.hash === `#${place}`) ?? 'mesh';

function usePlace(): Place {
  const [place, setPlace] = useState(placeNow);
  useEffect(() => {
    const follow = () => setPlace(placeNow());
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  return place;
}

function Connection() {
  const live = useLive();
  const now = useTick(1000, live.link === 'lost');
  if (live.link === 'live')
    return null;
  if (live.link === 'connecting')
    return <p class="connection" role="status">{t('link.connecting')}</p>;
  const seconds = (now - live.lostMs) / 1000;
  const installing = live.mesh?.upgrade && ['scheduled', 'flashing', 'confirming'].includes(live.mesh.upgrade.phase);
  return (
    <div class="connection lost" role="status">
      <strong>{t('link.lost', { node: live.mesh?.node ?? location.hostname, time: duration(seconds) })}</strong>{' '}
      {t(installing ? 'link.lost.installing' : 'link.lost.help')}
    </div>
  );
}

function LanguageChoice() {
  return (
    <select class="language" aria-label={t('language')} value={currentLanguage()} onChange={event => setLanguage(event.currentTarget.value)}>
      {languages.map(tag => (
        <option key={tag} value={tag} lang={tag}>
          {languageName(tag)}
        </option>
      ))}
    </select>
  );
}

export function App() {
  useLanguage();
  const live = useLive();
  const place = usePlace();
  const wide = useWide();
  const both = wide && place !== 'history';
  const mesh = live.mesh;
  useEffect(() => {
    document.title = mesh ? `${mesh.mesh} · Lockstep` : 'Lockstep';
  }, [mesh?.mesh]);
  return (
    <>
      <a class="skip" href="#content" onClick={event => {
        event.preventDefault();
        document.getElementById('content')?.focus();
      }}>{t('skip')}</a>
      <header class="top">
        <div class="title">
          <h1>{mesh ? mesh.mesh : 'Lockstep'}</h1>
          <p>{mesh ? t('seen.from', { node: mesh.node }) : ' '}</p>
        </div>
        <nav aria-label={t('places')}>
          {PLACES.map(name => (
            <a key={name} href={`#${name}`} aria-current={place === name ? 'page' : undefined}>
              {t(`place.${name}` as Word)}
            </a>
          ))}
        </nav>
        <div class="tools">
          <KeyChip />
          <LanguageChoice />
        </div>
      </header>
      <Connection />
      <main id="content" tabIndex={-1} class={both ? 'both' : ''}>
        {/* By their keys they stay what they are, with all dialogs, where a tablet is turned. */}
        {mesh && (both || place === 'mesh') && <MeshView key="mesh" />}
        {mesh && (both || place === 'upgrade') && <PathView key="upgrade" />}
        {mesh && place === 'history' && <HistoryView key="history" />}
      </main>
    </>
  );
}
