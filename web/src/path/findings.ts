// SPDX-License-Identifier: AGPL-3.0-or-later
/** What could go wrong in an upgrade, by the rules of src/cli/check.c. No DOM. */
import { isGone } from '../model/states';
import type { MeshNode, Release, ReleaseImage } from '../model/types';
import { countCutOff, linksOf, spread } from './topology';

/** In the order in which they are shown; those of PROBLEMS should be mended first, the others are good to know. */
export const KINDS = [
  'missing',
  'unreachable',
  'no_image_for_board',
  'downgrade',
  'no_way_back',
  'error',
  'again',
  'extra',
  'cut_node',
  'slow_link',
] as const;
export type Kind = (typeof KINDS)[number];

const NOTES: readonly Kind[] = ['again', 'extra', 'cut_node', 'slow_link'];
const SLOW_KBIT = 1000;

export interface Finding {
  kind: Kind;
  node: string;
  problem: boolean;
  /** Of an error, what the router says; of a link, to whom it leads. */
  reason?: string;
  message?: string;
  /** slow_link: kbit/s. cut_node: how many others. */
  value?: number;
}

export type Firmware = Pick<Release, 'version' | 'sequence' | 'images'>;

export const imageFor = (release: Firmware, board: string | undefined): ReleaseImage | undefined =>
  release.images.find(({ boards }) => boards.includes(board ?? ''));

/** Newer than what runs here (1), the same (0), older (-1). A router that knows no number runs what is named otherwise. */
export const compare = (release: Firmware, node: MeshNode): number =>
  release.version === node.version ? 0 : release.sequence < (node.release_sequence ?? 0) ? -1 : 1;

function* lookAt(node: MeshNode, release: Firmware | null): Generator<[Kind, Partial<Finding>?]> {
  if (!node.state) {
    yield ['unreachable'];
    return;
  }
  if (isGone(node, false))
    yield ['unreachable'];
  if (node.slots !== 2)
    yield ['no_way_back'];
  if (node.state === 'INTERNAL_ERROR' || node.state === 'DOWNLOAD_ERROR')
    yield ['error', { reason: node.reason ?? '', message: node.message ?? '' }];
  if (!release)
    return;
  if (!imageFor(release, node.board))
    yield ['no_image_for_board'];
  if ((node.release_sequence ?? 0) > release.sequence)
    yield ['downgrade'];
  if (release.version === node.version)
    yield ['again'];
}

/** `nodes` by name, as /v1/mesh has them; `expected` as /v1/expected. */
export function findingsOf(nodes: readonly MeshNode[], expected: readonly string[], release: Firmware | null): Finding[] {
  const found: Finding[] = [];
  const add = (kind: Kind, node: string, more?: Partial<Finding>) =>
    found.push({ kind, node, problem: !NOTES.includes(kind), ...more });
  const names = new Set(nodes.map(({ name }) => name));
  const belongs = new Set(expected);
  for (const node of nodes)
    for (const [kind, more] of lookAt(node, release))
      add(kind, node.name, more);
  for (const name of expected)
    if (!names.has(name))
      add('missing', name);
  for (const { name } of nodes)
    if (expected.length > 0 && !belongs.has(name))
      add('extra', name);
  const links = linksOf(nodes);
  for (const { a, b, kbit } of links)
    if (kbit < SLOW_KBIT)
      add('slow_link', nodes[a]!.name, { message: nodes[b]!.name, value: kbit });
  countCutOff(nodes.length, links, placeHere(nodes)).forEach((lost, place) => {
    if (lost > 0)
      add('cut_node', nodes[place]!.name, { value: lost });
  });
  return found;
}

const placeHere = (nodes: readonly MeshNode[]) =>
  Math.max(
    0,
    nodes.findIndex(({ here }) => here),
  );

/** Seconds until everybody `takesPart` has it; `unmeasured` routers are left out of that. */
export function durationOf(
  nodes: readonly MeshNode[],
  release: Firmware,
  takesPart: (name: string) => boolean = () => true,
): { seconds: number; unmeasured: number } {
  if (nodes.length === 0)
    return { seconds: 0, unmeasured: 0 };
  const loads = release.images.map(image => ({
    bytes: image.size,
    wants: (place: number) =>
      takesPart(nodes[place]!.name) && imageFor(release, nodes[place]!.board) === image,
  }));
  const { ms, unreached } = spread(nodes.length, linksOf(nodes), placeHere(nodes), loads);
  return { seconds: Math.floor(ms / 1000) + 1, unmeasured: unreached };
}
