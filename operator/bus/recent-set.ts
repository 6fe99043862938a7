/** The last `size` values that were added. */
export class RecentSet {
  readonly #values = new Set<string>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  add(value: string) {
    this.#values.delete(value);
    this.#values.add(value);
    const [oldest] = this.#values;
    if (this.#values.size > this.#size && oldest !== undefined) this.#values.delete(oldest);
  }

  delete(value: string) {
    this.#values.delete(value);
  }

  has(value: string): boolean {
    return this.#values.has(value);
  }
}
