/** Conditions that all must hold, with their parameters numbered as they come. */
export class Condition {
  readonly parameters: unknown[] = [];
  readonly #parts: string[] = [];

  /** `sql` of the parameter's placeholder. Nothing is added for an undefined value. */
  with(value: unknown, sql: (placeholder: string) => string): this {
    if (value === undefined) return this;
    this.parameters.push(value);
    this.#parts.push(sql(`$${this.parameters.length}`));
    return this;
  }

  anyOf<T>(
    values: readonly T[] | undefined,
    one: (value: T) => [value: unknown, sql: (placeholder: string) => string],
  ) {
    if (!values) return this;
    const alternatives = values.map((value) => {
      const [parameter, sql] = one(value);
      this.parameters.push(parameter);
      return sql(`$${this.parameters.length}`);
    });
    this.#parts.push(`(${alternatives.join(" or ")})`);
    return this;
  }

  toString(): string {
    return this.#parts.length > 0 ? this.#parts.join(" and ") : "true";
  }
}
