import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Metadata } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import type { DocumentInputSchema } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { accessCases } from "./access.ts";
import { badInputCases } from "./bad-input.ts";
import { changeCases } from "./changes.ts";
import { HubClient } from "./client.ts";
import { documentCases } from "./documents.ts";
import { searchCases } from "./search.ts";
import { ROOT, type Target } from "./target.ts";

/** What a case has at hand: a user and a collection that nobody else has. */
export interface Tools {
  target: Target;
  hub: HubClient;
  full: Metadata;
  user: string;
  collection: string;
  /** A document of `user` in `collection`, where nothing else is said. */
  note(more?: Omit<MessageInitShape<typeof DocumentInputSchema>, "$typeName" | "$unknown">): {
    collection: string;
    user: string;
  } & Omit<MessageInitShape<typeof DocumentInputSchema>, "$typeName" | "$unknown">;
  /** Writes `title 0`, `title 1`, … one after the other. */
  many(count: number): Promise<void>;
}

export type Cases = Record<string, (tools: Tools) => Promise<void>>;

const GROUPS: Record<string, Cases> = {
  documents: documentCases,
  changes: changeCases,
  search: searchCases,
  access: accessCases,
  "bad input": badInputCases,
};

/** Whether a hub keeps the contract, whoever wrote it and in whatever language. */
export function conformance(name: string, start: () => Promise<Target>): void {
  describe(`${name} keeps the contract`, () => {
    let target: Target;
    let hub: HubClient;
    let user: string;
    beforeAll(async () => {
      target = await start();
      hub = new HubClient(target.address, target.ca);
    }, 60_000);
    afterEach(async () => {
      await hub.unary("erase", target.as("full"), { user });
    });
    afterAll(() => hub?.close());

    describe.each(Object.entries(GROUPS))("%s", (_, cases) => {
      test.each(Object.entries(cases))("%s", async (_, run) => {
        user = randomUUID();
        await run(toolsOf(target, hub, user));
      });
    });
  });
}

function toolsOf(target: Target, hub: HubClient, user: string): Tools {
  const full = target.as("full");
  const collection = `${ROOT}/${randomUUID()}`;
  const note: Tools["note"] = (more = {}) => ({
    collection,
    user,
    title: "a title",
    content: "some content",
    ...more,
  });
  const many = async (count: number) => {
    for (let i = 0; i < count; i++)
      await hub.unary("createDocument", full, { document: note({ title: `title ${i}` }) });
  };
  return { target, hub, full, user, collection, note, many };
}
