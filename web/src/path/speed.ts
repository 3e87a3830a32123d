// SPDX-License-Identifier: AGPL-3.0-or-later
/** How fast something goes, by what was seen of it lately. No DOM. */

const SPAN_MS = 20000;
const SPAN_MIN_MS = 3000;

export class Speed {
  private samples: { ms: number; bytes: number }[] = [];

  add(ms: number, bytes: number): void {
    const last = this.samples[this.samples.length - 1];
    if (last !== undefined && bytes < last.bytes)
      this.samples = [];
    this.samples.push({ ms, bytes });
    while (this.samples.length > 2 && ms - this.samples[1]!.ms > SPAN_MS)
      this.samples.shift();
  }

  /** Seconds until so many more bytes are there; null while nothing is known. */
  left(bytes: number): number | null {
    const first = this.samples[0];
    const last = this.samples[this.samples.length - 1];
    if (first === undefined || last === undefined || last.ms - first.ms < SPAN_MIN_MS || last.bytes <= first.bytes)
      return null;
    return (bytes * (last.ms - first.ms)) / (last.bytes - first.bytes) / 1000;
  }
}
