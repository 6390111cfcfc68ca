/** A binary heap of departure times; typed arrays, so that a long run leaves no garbage. */
export interface Departures {
  push(seconds: number, uid: number): void;
  /** Time of the next departure; Infinity when there is none. */
  nextSeconds(): number;
  /** Removes the next departure and returns its pod. */
  pop(): number;
}

/** Creates an empty heap; equal times leave in the order of their uid. */
export function createDepartures(): Departures {
  let times = new Float64Array(1024);
  let uids = new Int32Array(1024);
  let count = 0;
  const isBefore = (a: number, b: number): boolean =>
    (times[a] as number) < (times[b] as number) ||
    (times[a] === times[b] && (uids[a] as number) < (uids[b] as number));
  const swap = (a: number, b: number): void => {
    const time = times[a] as number;
    const uid = uids[a] as number;
    times[a] = times[b] as number;
    uids[a] = uids[b] as number;
    times[b] = time;
    uids[b] = uid;
  };
  const grow = (): void => {
    const longerTimes = new Float64Array(count * 2);
    const longerUids = new Int32Array(count * 2);
    longerTimes.set(times);
    longerUids.set(uids);
    times = longerTimes;
    uids = longerUids;
  };
  const sink = (): void => {
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      if (left >= count) return;
      const child = left + 1 < count && isBefore(left + 1, left) ? left + 1 : left;
      if (!isBefore(child, at)) return;
      swap(at, child);
      at = child;
    }
  };
  return {
    push(seconds, uid) {
      if (count === times.length) grow();
      times[count] = seconds;
      uids[count] = uid;
      for (let at = count++; at > 0 && isBefore(at, (at - 1) >> 1); at = (at - 1) >> 1)
        swap(at, (at - 1) >> 1);
    },
    nextSeconds: () => (count === 0 ? Infinity : (times[0] as number)),
    pop() {
      const uid = uids[0] as number;
      count--;
      swap(0, count);
      sink();
      return uid;
    },
  };
}
