// SPDX-License-Identifier: AGPL-3.0-or-later
/** Brings a release from this phone to the router, chunk by chunk; goes on where it was after a lost connection. */
import { ApiError, post } from '../model/api';
import { currentLive } from '../model/live';
import { chunkCount, openRelease, readChunk, signaturesBody, type ChosenImage, type ChosenRelease } from '../sign/chunks';
import type { SourceFile } from '../sign/files';
import { Trouble } from '../sign/trouble';
import { utf8 } from '../sign/bytes';
import { toldOf, type Told } from '../ui/act';
import { offer } from './sign';
import { choose, draft, loadReleases } from './data';
import { t } from '../words';
import { Speed } from './speed';
import { store } from '../ui/store';

export interface Upload {
  version: string;
  /** `waiting`: the router does not answer just now. */
  state: 'checking' | 'sending' | 'waiting' | 'failed';
  done: number;
  total: number;
  /** Seconds. */
  left: number | null;
  told: Told | null;
}

const PIECE_SIZE = 65536;
const PAUSE_MS = 2000;
const IDLE: Upload = { version: '', state: 'checking', done: 0, total: 0, left: null, told: null };

/** null: none. */
export const upload = store<Upload | null>(null);

class Cancelled extends Error {}

/** Only the newest may go on. */
let turn = 0;

export function cancelUpload() {
  turn++;
  upload.set(null);
}

const pause = () => new Promise(resolve => setTimeout(resolve, PAUSE_MS));

class Sending {
  private readonly turn = ++turn;
  private speed = new Speed();
  private done = 0;

  show(more: Partial<Upload>) {
    if (this.turn !== turn)
      throw new Cancelled();
    upload.set({ ...(upload.now() ?? IDLE), ...more });
  }

  private begin(state: Upload['state'], total: number) {
    this.speed = new Speed();
    this.done = 0;
    this.show({ state, total, done: 0, left: null });
  }

  private advance(bytes: number) {
    this.done += bytes;
    this.speed.add(performance.now(), this.done);
    this.show({ state: 'sending', done: this.done, left: this.speed.left(upload.now()!.total - this.done) });
  }

  /** Of those that are there, the images of boards that the mesh has. */
  private wanted(release: ChosenRelease): ChosenImage[] {
    const boards = new Set([...currentLive().nodes.values()].map(({ board }) => board));
    const fitting = release.images.filter(image => image.boards.some(board => boards.has(board)));
    const images = fitting.filter(({ source }) => source !== null);
    if (images.length === 0)
      throw fitting[0] ? new Trouble('image_missing', fitting[0].file) : new ApiError('no_image_for_board', '');
    return images;
  }

  private async check(images: ChosenImage[]) {
    for (const image of images)
      for (let chunk = 0; chunk < chunkCount(image); chunk++) {
        this.done += (await readChunk(image, chunk)).length;
        this.show({ done: this.done });
      }
  }

  /** One after the other, from where the router is. */
  private async send(release: string, file: string, size: number, read: (offset: number) => Promise<Uint8Array> | Uint8Array) {
    let resumed = -1;
    for (let offset = 0; offset < size; ) {
      const bytes = await read(offset);
      try {
        const { held } = await post<{ held: number }>(`/v1/uploads/${release}/${file}/${offset}`, bytes);
        this.advance(held - offset);
        offset = held;
      } catch (error) {
        if (!(error instanceof ApiError))
          throw error;
        if (error.reason === 'unreachable') {
          this.show({ state: 'waiting', left: null });
          await pause();
          this.show({});
          continue;
        }
        // It says how much it has, be it that our last piece came through and its answer did not.
        const held = error.reason === 'wrong_offset' && resumed !== offset ? parseInt(error.message, 10) : NaN;
        if (!(held >= 0))
          throw error;
        this.advance(Math.min(held, size) - offset);
        // Signatures come in one piece, or not at all.
        resumed = offset = file === 'signatures' ? size : held;
      }
    }
  }

  async run(files: readonly SourceFile[]) {
    this.show(IDLE);
    const release = await openRelease(files);
    const images = this.wanted(release);
    const bytes = images.reduce((sum, { size }) => sum + size, 0);
    this.show({ version: release.version });
    this.begin('checking', bytes);
    await this.check(images);
    const what = { upload: { release: release.id, manifest_size: release.manifest.length, images: images.map(({ sha256 }) => sha256) } };
    if (!(await offer(t('sending', { version: release.version }), what)))
      return cancelUpload();
    const signatures = utf8(signaturesBody(release));
    this.begin('sending', bytes + release.manifest.length + signatures.length);
    await this.send(release.id, 'release.json', release.manifest.length, offset => release.manifest.slice(offset, offset + PIECE_SIZE));
    await this.send(release.id, 'signatures', signatures.length, () => signatures);
    for (const image of images)
      await this.send(release.id, image.sha256, image.size, offset => readChunk(image, offset / image.chunk_size));
    const arrived = (await loadReleases()).find(({ id, state, source }) => id === release.id && state === 'ready' && source === 'upload');
    this.show({});
    upload.set(null);
    if (arrived && !draft.now().release)
      choose(arrived);
  }
}

let last: readonly SourceFile[] = [];

/** Without files: the last ones again. */
export async function sendFiles(files = last): Promise<void> {
  if (files.length === 0)
    return;
  last = files;
  upload.set(IDLE);
  const sending = new Sending();
  try {
    await sending.run(files);
  } catch (error) {
    try {
      if (!(error instanceof Cancelled))
        sending.show({ state: 'failed', told: toldOf(error) });
    } catch {
      // Another one began meanwhile.
    }
  }
}
