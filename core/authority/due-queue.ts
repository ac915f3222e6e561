/**
 * What is due when: a binary heap by time, and by order of coming for equal times.
 *
 * Law: `first` is the earliest item that is still wanted. Items that are not are left where they are until they come
 * up, or until they are the greater part.
 */

export interface Due {
  /** Of a clock that is the queue's own. */
  dueMs: number;
  /** Breaks ties, so that the order is the same on every run. */
  readonly order: number;
  isWanted: boolean;
}

/** Below so many items nobody minds the unwanted ones. */
const sweepSizeMin = 64;

export class DueQueue<T extends Due> {
  #heap: T[] = [];
  #unwanted = 0;

  get first(): T | undefined {
    let first = this.#heap[0];
    while (first !== undefined && !first.isWanted) {
      this.#takeFirst();
      this.#unwanted--;
      first = this.#heap[0];
    }
    return first;
  }

  add(item: T): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, heap[parent] as T)) break;
      heap[at] = heap[parent] as T;
      at = parent;
    }
    heap[at] = item;
  }

  /** The item that `first` gave. */
  takeFirst(): void {
    this.#takeFirst();
  }

  /** An item that is in the queue is wanted no longer. */
  drop(item: T): void {
    item.isWanted = false;
    this.#unwanted++;
    if (this.#heap.length < sweepSizeMin || this.#unwanted * 2 < this.#heap.length) return;
    const wanted = this.#heap.filter((each) => each.isWanted);
    this.#heap = [];
    this.#unwanted = 0;
    for (const each of wanted) this.add(each);
  }

  clear(): void {
    this.#heap = [];
    this.#unwanted = 0;
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const item = heap.pop();
    if (item === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as T, heap[child] as T)) child++;
      if (!isBefore(heap[child] as T, item)) break;
      heap[at] = heap[child] as T;
      at = child;
    }
    heap[at] = item;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
