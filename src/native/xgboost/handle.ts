import { handleFreed } from '../errors.ts';
import type { Pointer } from './bindings.ts';

/** Owns one object of the library: lends its pointer while it lives and frees it exactly once. */
export interface Handle {
  /** The pointer, for one call. */
  borrow(action: string): Pointer;
  /** @throws `MLS_NATIVE_FREED` the second time. */
  free(): void;
  /** As `free`, but does nothing the second time: leaving a `using` block is never an error. */
  dispose(): void;
}

type Release = (pointer: Pointer) => void;

/** Safety net for objects that nobody freed; freeing them by hand gives the memory back much earlier. */
const forgotten = new FinalizationRegistry<{ release: Release; pointer: Pointer }>(({ release, pointer }) =>
  release(pointer),
);

/**
 * @param what - Name for messages: `booster`, `matrix`.
 * @param release - Frees the object. Must not refer to the owner, or the safety net never works.
 */
export function createHandle(what: string, pointer: Pointer, release: Release): Handle {
  let live = true;
  const handle: Handle = {
    borrow(action) {
      if (!live) throw handleFreed(what, action);
      return pointer;
    },
    free() {
      if (!live) throw handleFreed(what, 'free');
      live = false;
      forgotten.unregister(handle);
      release(pointer);
    },
    dispose() {
      if (live) handle.free();
    },
  };
  forgotten.register(handle, { release, pointer }, handle);
  return handle;
}
