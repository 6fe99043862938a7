import { describe, expect, test } from "@jest/globals";
import pico from "picocolors";
import { type Attempt, attemptTable, changesByIntrusion, succeeded } from "./intrusion.ts";
import { lineage } from "./lineage.ts";

const attempt = (outcome: string, refused = outcome === "refused", more: Partial<Attempt> = {}): Attempt => ({
  attempt: "read",
  target: "a.b",
  outcome,
  refused,
  ...more,
});

describe("an attempt", () => {
  const cases = [
    { reason: "refused by the server", of: attempt("refused"), got: false },
    { reason: "heard nothing", of: attempt("silent"), got: false },
    { reason: "sent, to be seen from outside", of: attempt("sent"), got: false },
    { reason: "it worked", of: attempt("succeeded"), got: true },
    { reason: "no error and no answer proves nothing", of: attempt("unanswered"), got: true },
    { reason: "an outcome that is not known", of: attempt("toString"), got: true },
    { reason: "says refused, but was not", of: attempt("refused", false), got: true },
  ];
  test.each(cases)("$reason", ({ of, got }) => {
    expect(succeeded(of)).toBe(got);
  });

  test("those of a kind that ended alike share a line; a narrow terminal is spared the subjects", () => {
    const error = "no responders: 'a.b'";
    const attempts = [
      attempt("refused", true, { error }),
      attempt("sent", false, { target: "c" }),
      attempt("sent", false, { target: "d" }),
    ];
    const colors = pico.createColors(false);
    expect(attemptTable(attempts, colors, 200)).toEqual([
      "IT TRIED TO   ON           WHAT CAME OF IT",
      "read          a.b          no responders",
      "read          2 subjects   nothing arrived there",
    ]);
    expect(attemptTable(attempts, colors, 80)[1]).toBe("read          no responders");
  });
});

test("from outside: everything that differs and was not granted counts", () => {
  const before = new Map([
    ["stream EVENTS", "{}"],
    ["consumer EVENTS assistant_default", "{}"],
    ["subject KV_gateway $KV.gateway.identity.secret", "1"],
  ]);
  const granted = new Map([
    ...before,
    ["subject EVENTS evt.intruder.3.demo.intrusion.reported", "1"],
    ["subject EVENTS evt.gateway.12.demo.intrusion.requested", "1"],
    ["subject KV_intruder $KV.intruder.forged", "1"],
  ]);
  expect(changesByIntrusion(before, granted)).toEqual([]);
  const changed = new Map([
    ...granted,
    ["stream EVENTS", '{"max":1}'],
    ["subject EVENTS evt.assistant.0.chat.message.sent", "1"],
  ]);
  changed.delete("consumer EVENTS assistant_default");
  expect(changesByIntrusion(before, changed).sort()).toEqual([
    "consumer EVENTS assistant_default: {} -> absent",
    'stream EVENTS: {} -> {"max":1}',
    "subject EVENTS evt.assistant.0.chat.message.sent: absent -> 1",
  ]);
});

test("lineage: each event under its cause, one of unknown cause under the first, a loop once", () => {
  const event = (id: string, causationid: string, data: unknown = {}) => ({
    id,
    causationid,
    type: `type.${id}`,
    publisher: `p${id}`,
    data,
  });
  const tools = { tools: [{ name: "toolbox.time" }] };
  const events = [event("a", "root"), event("b", "a", tools), event("c", "gone"), event("d", "d")];
  expect(lineage("chat", "gateway", { id: "root", complete: true, events })).toEqual([
    "chat  by gateway",
    "├─ type.a  by pa",
    "│  └─ type.b  by pb, having called toolbox.time",
    "└─ type.c  by pc",
  ]);
});
