import { describe, expect, test } from "@jest/globals";
import { aDriver } from "../testing/objects.ts";
import { dependents, namedPeers, presentPeers } from "./peers.ts";

const gone = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const tenant = [
  aDriver({ name: "caller", spec: { capabilities: { call: ["toolbox.time"] } } }),
  aDriver({ name: "watcher", spec: { capabilities: { observe: ["chat.>", "live.toolbox.ticks"] } } }),
  aDriver({ name: "anyone", spec: { capabilities: { call: ["*.verify"] } } }),
  aDriver({ name: "toolbox" }),
  aDriver({ name: "leaving", metadata: gone }),
];
const [caller, , anyone] = tenant;

describe("peers", () => {
  test("those named by calls and live topics", () => {
    const named = namedPeers({ call: ["a.x", "*.y"], observe: ["chat.b", "live.c.>"] });
    expect(named).toEqual({ names: new Set(["a", "c"]), all: true });
  });

  test("that are there, but itself and those that are being deleted", () => {
    const peersOf = (driver = caller) =>
      driver && presentPeers(driver, namedPeers(driver.spec.capabilities), tenant);
    expect(peersOf()).toEqual(new Map([["toolbox", "uid-toolbox"]]));
    expect([...(peersOf(anyone)?.keys() ?? [])]).toEqual(["caller", "watcher", "toolbox"]);
  });

  test("whose coming and going concerns others", () => {
    expect(dependents("toolbox", tenant)).toEqual(["caller", "watcher", "anyone"]);
    expect(dependents("caller", tenant)).toEqual(["anyone"]);
  });
});
