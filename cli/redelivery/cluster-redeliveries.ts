import {
  DeadLetterDetail,
  DeadLetterPage,
  type DeadLetterSelection,
  LettersDone,
  ReplayPage,
} from "@vextir/api";
import { type ClusterOptions, withOperator } from "../cluster/operator-client.ts";
import type { Redeliveries } from "./redeliveries.ts";

/** By the operator's API, as somebody whose rights it asks for. @throws OperatorError, ClusterError */
export async function withClusterRedeliveries<T>(
  options: ClusterOptions & { namespace: string },
  work: (redeliveries: Redeliveries) => Promise<T>,
): Promise<T> {
  const namespace = `/v1/namespaces/${encodeURIComponent(options.namespace)}`;
  // Of one driver where one is named: who may so for this driver alone is asked for that.
  const place = (driver: string | undefined) =>
    driver === undefined ? namespace : `${namespace}/drivers/${encodeURIComponent(driver)}`;
  const letters = ({ driver }: DeadLetterSelection) => `${place(driver)}/deadletters`;
  return withOperator(options, (client) =>
    work({
      list: async (selection) =>
        DeadLetterPage.parse(await client.ask("GET", `${letters(selection)}?${queryOf(selection)}`)),
      show: async (sequence, driver) =>
        DeadLetterDetail.parse(await client.ask("GET", `${place(driver)}/deadletters/${sequence}`)),
      redrive: async (request) =>
        LettersDone.parse(await client.ask("POST", `${letters(request)}:redrive`, request)),
      drop: async (selection) =>
        LettersDone.parse(await client.ask("POST", `${letters(selection)}:drop`, selection)),
      replay: async (driver, request) =>
        ReplayPage.parse(await client.ask("POST", `${place(driver)}/replay`, request)),
    }),
  );
}

function queryOf(selection: DeadLetterSelection): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(selection))
    if (name !== "driver") query.set(name, String(value));
  return query.toString();
}
