// SPDX-License-Identifier: AGPL-3.0-or-later
declare module 'virtual:words' {
  type Cell = string | string[] | 0;
  export const languages: string[];
  /** Key, then what it is in each language. */
  export const rows: [string, ...Cell[]][];
}
