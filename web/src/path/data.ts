// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the way needs beside the mesh itself, and what was chosen so far: it outlives the views. */
import { get } from '../model/api';
import type { Release } from '../model/types';
import { newDraft } from './plan';
import { store } from '../ui/store';

export const draft = store(newDraft());

export const releases = store<Release[]>([]);
export const expected = store<string[]>([]);

/** What is offered already comes first: nothing more is to be done for it. */
const RANK: Release['source'][] = ['directory', 'upload', 'media', 'url'];

/** All of them; what can be chosen, or went half way, each once, is shown. */
export async function loadReleases(): Promise<Release[]> {
  const all = (await get<{ releases: Release[] }>('/v1/releases')).releases;
  const rank = ({ state, source }: Release) => (state === 'ready' ? 0 : RANK.length) + RANK.indexOf(source);
  all.sort((a, b) => b.sequence - a.sequence || rank(a) - rank(b));
  const seen = new Set<string>();
  releases.set(all.filter(({ id, state, version }) => version && /ready|incomplete/.test(state) && !seen.has(id) && seen.add(id)));
  return all;
}

export const choose = (release: Release) => draft.set({ ...newDraft(), release });

export const loadExpected = async () => expected.set((await get<{ nodes: string[] }>('/v1/expected')).nodes);
