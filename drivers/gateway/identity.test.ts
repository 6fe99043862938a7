import { expect, test } from "@jest/globals";
import { DriverError } from "@vextir/driver-runtime";
import fc from "fast-check";
import { Identities, SECRET_KEY } from "./identity.ts";

/** The part of a bucket that matters, with `create` that is refused the second time. */
function bucket() {
  const values = new Map<string, unknown>();
  return {
    values,
    async get<T>(key: string) {
      await Promise.resolve();
      return values.has(key) ? { key, value: values.get(key) as T, revision: 1 } : undefined;
    },
    async create(key: string, value: unknown) {
      await Promise.resolve();
      if (values.has(key)) throw new DriverError("Conflict", "there already");
      values.set(key, value);
      return 1;
    },
  };
}

test("replicas that start at the same time share one secret", async () => {
  const state = bucket();
  const replicas = await Promise.all([1, 2, 3].map(() => Identities.load(state)));
  const ids = replicas.map((identities) => identities.of("me", "/s", "1"));
  expect(new Set(ids.map(({ messageId }) => messageId)).size).toBe(1);
  expect(await Identities.load(bucket()).then((other) => other.of("me", "/s", "1"))).not.toEqual(ids[0]);
});

test("a secret that is none is refused, not replaced", async () => {
  const state = bucket();
  state.values.set(SECRET_KEY, "short");
  await expect(Identities.load(state)).rejects.toMatchObject({ code: "InvalidConfig" });
});

test("other errors of the state pass", async () => {
  const error = new DriverError("Unavailable", "away");
  const state = { ...bucket(), create: () => Promise.reject(error) };
  await expect(Identities.load(state)).rejects.toBe(error);
});

test("no two of sender, source and id share an id, and message and correlation differ", async () => {
  const identities = await Identities.load(bucket());
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (a, b, c) => {
      const [one, other] = [identities.of("s", a + b, c), identities.of("s", a, b + c)];
      if (b !== "") expect(one.messageId).not.toBe(other.messageId);
      if (a !== "")
        expect(identities.of(`s${a}`, b, c).messageId).not.toBe(identities.of("s", a + b, c).messageId);
      expect(one.messageId).not.toBe(one.correlationId);
    }),
  );
});
