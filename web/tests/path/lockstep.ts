// SPDX-License-Identifier: AGPL-3.0-or-later
/** The program's own `check` and `start --dry-run`, asked about a mesh that a test made up. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { MeshNode, ReleaseImage } from '../../src/model/types';

export interface Firmware {
  version: string;
  sequence: number;
  images: ReleaseImage[];
}

/** release.json of it; the chunks are of no file. */
function manifestOf({ version, sequence, images }: Firmware): string {
  return JSON.stringify({
    lockstep: 1,
    version,
    sequence,
    images: images.map(({ boards, size, sha256 }, i) => ({
      boards,
      file: `images/${i}.bin`,
      kind: 'sysupgrade',
      size,
      sha256,
      chunk_size: 65536,
      chunks: Buffer.alloc(32 * Math.ceil(size / 65536), i + 1).toString('base64'),
    })),
  });
}

export interface World {
  nodes: MeshNode[];
  expected: string[];
  release: Firmware;
}

function run(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(process.env.LOCKSTEP_BUILD!, 'lockstep'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', part => (out += part));
    child.on('error', reject);
    child.on('close', () => resolve(out));
  });
}

/** What `lockstep COMMAND … --json` prints when a node says that the mesh is so. */
export async function ask<T>(command: string, world: World, options: string[] = []): Promise<T> {
  const mesh = { lockstep: '0.1.0', mesh: 'test', node: 'node0', highest_epoch: 3, upgrade: null, nodes: world.nodes };
  const answers: Record<string, string> = {
    '/v1/mesh': JSON.stringify(mesh),
    '/v1/expected': JSON.stringify({ nodes: world.expected }),
    '/release/release.json': manifestOf(world.release),
  };
  const server = createServer((request, response) => {
    const body = answers[request.url ?? ''];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json', connection: 'close' });
    response.end(body ?? '{"error":{"reason":"not_found","message":""}}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const out = await run([command, `${url}/release/`, '--url', url, '--json', ...options]);
    return JSON.parse(out) as T;
  } finally {
    server.close();
  }
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The same numbers for the same seed. */
export function dice(seed: number) {
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    below: (n: number) => Math.floor(next() * n),
    chance: (part: number) => next() < part,
    of: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!,
  };
}

const STATES = ['UPDATED', 'UPDATED', 'UPDATED', 'REVERTED', 'DOWNLOAD_ERROR', 'INTERNAL_ERROR', 'ABORTED'] as const;
const BOARDS = ['demo,alpha', 'demo,beta', 'demo,gamma'];

function makeNode(name: string, place: number, random: ReturnType<typeof dice>): MeshNode {
  const base = { name, participant: false, here: place === 0, neighbour: false, wave: 0 };
  if (place > 0 && random.chance(0.05))
    return { ...base, seen_ms: null };
  const state = random.of(STATES);
  return {
    ...base,
    seen_ms: place === 0 ? 0 : random.chance(0.1) ? 700000 : random.below(600000),
    state,
    reason: '',
    message: state === 'UPDATED' ? '' : 'something',
    version: random.of(['Demo 1.0', 'Demo 2.0', 'Demo 9']),
    release_sequence: random.chance(0.1) ? 9 : random.below(3),
    board: random.chance(0.06) ? 'demo,delta' : random.of(BOARDS),
    slots: random.chance(0.1) ? 1 : 2,
    highest_epoch: random.below(6),
    links: {},
    address: '10.0.0.1:8430',
    key: Buffer.concat([Buffer.from('Ed'), Buffer.alloc(8, place), createHash('sha256').update(name).digest()]).toString('base64'),
  };
}

/** No two links are as fast, so that there is one fastest tree. */
export function makeWorld(seed: number): World {
  const random = dice(seed);
  const count = 1 + random.below(24);
  const nodes = Array.from({ length: count }, (_, place) => makeNode(`node${place}`, place, random));
  const rates = new Set<number>();
  for (let place = 1; place < count; place++)
    for (let more = random.below(3); more >= 0; more--) {
      const [one, other] = [nodes[place]!, nodes[random.below(place)]!];
      let kbit = 100 + random.below(30000);
      while (rates.has(kbit))
        kbit++;
      rates.add(kbit);
      if (one.links && random.chance(0.9))
        one.links[other.name] = kbit;
      if (other.links && random.chance(0.5))
        other.links[one.name] = kbit;
    }
  if (nodes[0]!.links && random.chance(0.2)) {
    nodes[0]!.links['who.is.this'] = 5000;
    nodes[0]!.links[random.of(nodes).name] = 0;
  }
  nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
  const expected = random.chance(0.5) ? [] : nodes.map(({ name }) => name).filter(() => random.chance(0.9));
  if (expected.length > 0 && random.chance(0.2))
    expected.push('never.there');
  const images = BOARDS.slice(0, 1 + random.below(3)).map(board => ({
    boards: [board],
    size: 1 + random.below(8000000),
    sha256: hashOf(board),
    held: 0,
  }));
  return { nodes, expected, release: { version: 'Demo 2.0', sequence: 2, images } };
}
