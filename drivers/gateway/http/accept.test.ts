import { expect, test } from "@jest/globals";
import { preferred } from "./accept.ts";

const OFFERED = ["application/json", "application/x", "text/y"] as const;

test.each([
  { reason: "nothing is asked for", accept: undefined, chosen: "application/json" },
  { reason: "anything will do", accept: "*/*", chosen: "application/json" },
  { reason: "one is named", accept: "application/x", chosen: "application/x" },
  { reason: "names know no case", accept: "Application/X", chosen: "application/x" },
  { reason: "of equals the first offered", accept: "text/y, application/x", chosen: "application/x" },
  { reason: "the most liked", accept: "application/json;q=0.1, text/y;q=0.2", chosen: "text/y" },
  { reason: "closer ranges first", accept: "*/*;q=0.9, application/json;q=0.1", chosen: "application/x" },
  { reason: "of a kind", accept: "text/*", chosen: "text/y" },
  { reason: "never what is refused", accept: "application/json;q=0, */*;q=0.1", chosen: "application/x" },
  { reason: "further parameters", accept: 'application/x; v="1"; q=1.0', chosen: "application/x" },
  { reason: "nothing that is offered", accept: "image/png", chosen: "application/json" },
  { reason: "no list of media types", accept: ";;,q=1,/", chosen: "application/json" },
])("$accept: $reason", ({ accept, chosen }) => {
  expect(preferred(accept, OFFERED)).toBe(chosen);
});
