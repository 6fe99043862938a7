import { expect, test } from "@jest/globals";
import { SourceIndex } from "./source-index.ts";

test("drivers are found by the ConfigMap of their namespace that holds their code", () => {
  const index = new SourceIndex();
  const [a, b, other] = [
    { namespace: "n", name: "a" },
    { namespace: "n", name: "b" },
    { namespace: "m", name: "a" },
  ];
  index.set(a, "code");
  index.set(b, "code");
  index.set(other, "code");
  const names = (namespace: string, name: string) =>
    index.driversOf({ namespace, name }).map((driver) => `${driver.namespace}/${driver.name}`);
  expect(names("n", "code")).toEqual(["n/a", "n/b"]);
  expect(names("m", "code")).toEqual(["m/a"]);
  index.set(a, "elsewhere");
  index.set(b, undefined);
  expect(names("n", "code")).toEqual([]);
  expect(names("n", "elsewhere")).toEqual(["n/a"]);
});
