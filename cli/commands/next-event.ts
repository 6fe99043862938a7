import { KINDS } from "@vextir/operator/kinds.ts";
import type { LocalMode } from "../local/local-mode.ts";

const EVENT_TYPE = /^[A-Za-z0-9_.-]+$/;
const EXAMPLES: Record<string, object> = { "chat.message.received": { text: "What time is it in Tokyo?" } };

/** The URL of the first gateway that has one. */
export function gatewayUrl(mode: LocalMode): string | undefined {
  const gateways = mode.store.list(KINDS.Driver).filter(({ spec }) => spec.module === "gateway");
  const names = new Set(gateways.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
  return mode
    .drivers()
    .find(({ namespace, name, urls }) => names.has(`${namespace}/${name}`) && urls.length > 0)?.urls[0];
}

/** A command line that posts an event which the gateway may publish; undefined when there is no gateway. */
export function nextEvent(mode: LocalMode): string | undefined {
  const url = gatewayUrl(mode);
  const [gateway] = mode.store.list(KINDS.Driver).filter(({ spec }) => spec.module === "gateway");
  const granted = gateway?.spec.capabilities.publish ?? [];
  const type =
    Object.keys(EXAMPLES).find((example) => granted.includes(example)) ??
    granted.find((t) => EVENT_TYPE.test(t));
  if (url === undefined || type === undefined) return undefined;
  const data = JSON.stringify(EXAMPLES[type] ?? {});
  return [
    `curl -s ${url}/api/events -H 'Content-Type: application/cloudevents+json' -H 'Prefer: wait=10' \\`,
    `  -d '{"specversion": "1.0", "id": "'$RANDOM$RANDOM'", "source": "/me", "type": "${type}", "data": ${data}}'`,
  ].join("\n");
}
