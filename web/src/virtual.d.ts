// SPDX-License-Identifier: AGPL-3.0-or-later
declare module 'virtual:words' {
  export const languages: string[];
  /** Of the first phrases, one a line; those of the others are not known any more. */
  export const names: string;
  /** A language's phrases, one a line, empty if it lacks it; a tab between two forms. */
  export const books: string[];
}
