// SPDX-License-Identifier: AGPL-3.0-or-later
/** Questions to the node that served this page, and to no other. */

const DEADLINE_MS = 20000;

/** A refusal, or that the node did not answer: reason "unreachable". `message` is the node's own, in English. */
export class ApiError extends Error {
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

async function ask<T>(path: string, options: RequestInit, deadlineMs = DEADLINE_MS): Promise<T> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), deadlineMs);
  let status: number;
  let body: unknown;
  try {
    const answer = await fetch(path, { ...options, signal: stop.signal, cache: 'no-store' });
    status = answer.status;
    body = await answer.json();
  } catch (error) {
    throw new ApiError('unreachable', String(error));
  } finally {
    clearTimeout(timer);
  }
  if (status < 300)
    return body as T;
  const told = (body as { error?: { reason?: string; message?: string } }).error;
  throw new ApiError(told?.reason ?? 'internal', told?.message ?? `HTTP ${status}`);
}

export const get = <T>(path: string, deadlineMs?: number) => ask<T>(path, {}, deadlineMs);

export const post = <T>(path: string, body: string | Uint8Array) =>
  ask<T>(path, { method: 'POST', body: body as BodyInit });
