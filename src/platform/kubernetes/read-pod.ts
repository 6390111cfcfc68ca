import type { ObservedPod } from '#domain';
import type { Interner } from './intern.ts';
import { observePod } from './observe.ts';
import type { RawPod } from './raw.ts';

/** Shares nothing: a pod that somebody else sent is read once. */
const ALONE: Interner = { text: (value) => value, record: (value) => value ?? {} };

/**
 * Reads a pod that came by another way than the watch, such as in a scheduler extender's request.
 *
 * @returns Undefined when it is no pod: without name or identity, or of another form.
 */
export function readPod(raw: unknown): ObservedPod | undefined {
  try {
    return observePod(raw as RawPod, ALONE);
  } catch {
    // Any field may hold anything: the sender is not the API server.
    return undefined;
  }
}
