// SPDX-License-Identifier: AGPL-3.0-or-later
/** Words, names and contents of what is saved. No DOM. */

/** What any file system takes: letters, digits, dots and dashes. */
export const fileName = (...parts: string[]) =>
  ['lockstep', ...parts].join('-').replace(/[^\p{L}\p{N}.]+/gu, '-').slice(0, 100);

/** An answer that did not come is told, too: the rest may help all the same. */
export async function gather(ask: (path: string) => Promise<unknown>, paths: string[]): Promise<Record<string, unknown>> {
  const answers = await Promise.all(
    paths.map(path => ask(`/v1/${path}`).catch((error: unknown) => ({ error: String(error) }))),
  );
  return Object.fromEntries(paths.map((path, index) => [path, answers[index]]));
}

/** Words that do not fit go into the next line. */
export const wrap = (text: string, letters: number): string[] =>
  text.match(new RegExp(`\\S.{0,${letters - 2}}(?=\\s|$)|\\S+`, 'g')) ?? [];
