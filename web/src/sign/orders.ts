// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The documents that an operator signs (docs/formats.md), byte for byte as src/core/order.c writes them. Each function
 * gives the text to sign, or throws Trouble: 'bad_order' with the member that no node would take, 'order_too_large'
 * where too many take part, 'node_key_unknown' with the name of a participant that was never seen.
 */
import { isCount, isHex, isName, isPrintable, toBase64, toHex, utf8 } from './bytes';
import { Trouble } from './trouble';
import { keyOfBlob } from './usign';

const ORDER_BYTES_MAX = 65536;
const PARTICIPANTS_MAX = 768;
const WAVES_MAX = 16;
const URLS_MAX = 4;
const URL_BYTES_MAX = 255;
const MANIFEST_BYTES_MAX = 1048576;
const IMAGES_MAX = 64;

/** Which upgrade an order belongs to. */
export interface OfUpgrade {
  mesh: string;
  /** 16 hex digits. */
  upgrade: string;
  epoch: number;
}

export interface Participant {
  name: string;
  /** The blob of its public key, as /v1/mesh gives it. */
  key: string;
  wave: number;
}

export interface Policy {
  confirm: 'operator' | 'auto';
  kind: 'atomic' | 'best-effort';
  /** Percent of a wave. */
  quorum: number;
  hold_ms: number;
  allow_single_slot: boolean;
  allow_downgrade: boolean;
  catch_up: boolean;
}

export interface Start extends OfUpgrade {
  release: {
    /** 64 hex digits. */
    id: string;
    version: string;
    sequence: number;
    /** Where release.json lies, with "/" last. */
    urls: readonly string[];
  };
  policy: Policy;
  /** In any order. */
  participants: readonly Participant[];
}

export interface Schedule extends OfUpgrade {
  /** The id of the start order. */
  start: string;
  wave: number;
  countdown_ms: number;
  confirm_window_s: number;
}

export interface Confirm extends OfUpgrade {
  wave: number;
  /** Names, in any order. */
  without: readonly string[];
}

export interface Abort extends OfUpgrade {
  reason: string;
}

export type Offered =
  | { path: string }
  | { url: string }
  | { upload: { release: string; manifest_size: number; images: readonly string[] } };

export interface Offer {
  mesh: string;
  epoch: number;
  /** The node that is to offer it. */
  node: string;
  what: Offered;
}

export const defaultPolicy: Policy = {
  confirm: 'operator',
  kind: 'atomic',
  quorum: 100,
  hold_ms: 30000,
  allow_single_slot: false,
  allow_downgrade: false,
  catch_up: true,
};

function need(holds: boolean, member: string): void {
  if (!holds)
    throw new Trouble('bad_order', member);
}

/** Names are ASCII, so that this is the order of their bytes. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const areDistinct = (texts: readonly string[]): boolean => new Set(texts).size === texts.length;

/** For `issued`, which is text for people. */
const stamp = (now: Date): string => now.toISOString().replace(/\.\d+Z$/, 'Z');

/** An id for a new upgrade; all zero would be none. crypto.getRandomValues is there without https. */
export function newUpgrade(): string {
  const id = toHex(crypto.getRandomValues(new Uint8Array(8)));
  return /[^0]/.test(id) ? id : newUpgrade();
}

/** The epoch of a new upgrade: above all that any node knows. */
export const nextEpoch = (mesh: { highest_epoch: number; nodes: readonly { highest_epoch?: number }[] }): number =>
  mesh.nodes.reduce((highest, node) => Math.max(highest, node.highest_epoch ?? 0), mesh.highest_epoch) + 1;

function head(kind: string, { mesh, epoch }: { mesh: string; epoch: number }, second: object, now: Date): object {
  need(isName(mesh), 'mesh');
  need(isCount(epoch, 1), 'epoch');
  return { lockstep: 1, mesh, kind, ...second, issued: stamp(now) };
}

function orderHead(kind: string, of: OfUpgrade, now: Date): object {
  need(isHex(of.upgrade, 8) && /[^0]/.test(of.upgrade), 'upgrade');
  return head(kind, of, { upgrade: of.upgrade, epoch: of.epoch }, now);
}

/** JSON.stringify escapes as base/text.c does, for nothing in it steers a terminal. */
function write(document: object): string {
  const text = JSON.stringify(document);
  if (utf8(text).length > ORDER_BYTES_MAX)
    throw new Trouble('order_too_large');
  return text;
}

function participantsOf(list: readonly Participant[]): object[] {
  need(list.length > 0, 'participants');
  if (list.length > PARTICIPANTS_MAX)
    throw new Trouble('order_too_large');
  const sorted = [...list].sort((a, b) => byName(a.name, b.name));
  const waves = new Set(list.map(({ wave }) => wave));
  const written = sorted.map(({ name, key: blob, wave }) => {
    const key = keyOfBlob(blob);
    need(isName(name) && isCount(wave, 0, WAVES_MAX - 1), 'participants');
    if (key === null)
      throw new Trouble('node_key_unknown', name);
    return { name, key: toBase64(key), ...(wave > 0 ? { wave } : {}) };
  });
  need(areDistinct(written.map(({ name }) => name)) && areDistinct(written.map(({ key }) => key)), 'participants');
  need(Math.max(...waves) === waves.size - 1, 'participants'); // no wave below the highest is empty
  return written;
}

function policyOf(policy: Policy): object {
  const { confirm, kind, quorum, hold_ms, allow_single_slot, allow_downgrade, catch_up } = policy;
  need(isCount(quorum, 1, 100), 'quorum');
  need(isCount(hold_ms, 1000, 600000), 'hold_ms');
  return { confirm, kind, quorum, hold_ms, allow_single_slot, allow_downgrade, catch_up };
}

function releaseOf({ id, version, sequence, urls }: Start['release']): object {
  need(isHex(id, 32), 'id');
  need(isPrintable(version, 127), 'version');
  need(isCount(sequence, 0), 'sequence');
  need(urls.length <= URLS_MAX && urls.every(url => isPrintable(url, URL_BYTES_MAX)), 'urls');
  return { id, version, sequence, urls };
}

export const startText = (start: Start, now = new Date()): string =>
  write({
    ...orderHead('start', start, now),
    release: releaseOf(start.release),
    policy: policyOf(start.policy),
    participants: participantsOf(start.participants),
  });

export function scheduleText(schedule: Schedule, now = new Date()): string {
  const { start, wave, countdown_ms, confirm_window_s } = schedule;
  need(isHex(start, 32), 'start');
  need(isCount(wave, 0, WAVES_MAX - 1), 'wave');
  need(isCount(countdown_ms, 1000, 86400000), 'countdown_ms');
  need(isCount(confirm_window_s, 5, 86400), 'confirm_window_s');
  return write({ ...orderHead('schedule', schedule, now), start, wave, countdown_ms, confirm_window_s });
}

export function confirmText(confirm: Confirm, now = new Date()): string {
  const without = [...confirm.without].sort(byName);
  need(isCount(confirm.wave, 0, WAVES_MAX - 1), 'wave');
  need(without.length <= PARTICIPANTS_MAX && without.every(name => isName(name)) && areDistinct(without), 'without');
  return write({ ...orderHead('confirm', confirm, now), wave: confirm.wave, without });
}

export function abortText(abort: Abort, now = new Date()): string {
  need(isPrintable(abort.reason, 159), 'reason');
  return write({ ...orderHead('abort', abort, now), reason: abort.reason });
}

function offeredOf(what: Offered): object {
  if ('path' in what) {
    need(what.path[0] === '/' && isPrintable(what.path, URL_BYTES_MAX), 'path');
    return { path: what.path };
  }
  if ('url' in what) {
    need(/^http:\/\/.*\/$/.test(what.url) && isPrintable(what.url, URL_BYTES_MAX), 'url');
    return { url: what.url };
  }
  const { release, manifest_size, images } = what.upload;
  need(isHex(release, 32) && isCount(manifest_size, 1, MANIFEST_BYTES_MAX), 'upload');
  need(images.length > 0 && images.length <= IMAGES_MAX, 'upload');
  need(images.every(image => isHex(image, 32)) && areDistinct(images), 'upload');
  return { upload: { release, manifest_size, images } };
}

/** For POST /v1/offers. The epoch is one above the highest that this node knows. */
export function offerText(offer: Offer, now = new Date()): string {
  need(isName(offer.node), 'node');
  return write({ ...head('offer', offer, { epoch: offer.epoch, node: offer.node }, now), ...offeredOf(offer.what) });
}
