import type { NatsConnection } from "@nats-io/transport-node";
import { HUB_POLICY, HubPolicyPageRequest } from "@vextir/api";
import { BusConnection, type BusEndpoint, type BusLog } from "../bus/bus-connection.ts";
import type { Realm } from "../bus/realm.ts";
import type { Cluster } from "../cluster.ts";
import { HubPolicyIndex } from "./policy-index.ts";

export interface HubPolicyFeedOptions extends BusEndpoint {
  realm: Realm;
  cluster: Cluster;
  log: BusLog;
}

export interface HubPolicyFeed {
  stop(): Promise<void>;
}

/** Tells the context hub what is granted; only the leader, who decides on Drivers, starts one. */
export async function startHubPolicyFeed(options: HubPolicyFeedOptions): Promise<HubPolicyFeed> {
  let online: NatsConnection | undefined;
  const say = (subject: string, message: object) => {
    // What isn't sent is missed by the hub, which sees it by the next beat's revision.
    if (online && !online.isClosed()) online.publish(subject, JSON.stringify(message));
  };
  const index = await HubPolicyIndex.follow(options.cluster, (entry) => say(HUB_POLICY.changed, entry));
  const connection = new BusConnection({
    endpoint: options,
    name: "vextir-hub-policy",
    user: options.realm.hubPolicyUser,
    log: options.log,
    opened: (opened) => {
      online = opened;
      opened.subscribe(HUB_POLICY.page, {
        callback: (error, message) => {
          if (error) return;
          const request = HubPolicyPageRequest.safeParse(jsonOf(message.string()));
          if (request.success) message.respond(JSON.stringify(index.page(request.data.after)));
        },
      });
    },
  });
  const beat = setInterval(() => say(HUB_POLICY.beat, index.beat()), HUB_POLICY.beatMs);
  return {
    stop: async () => {
      clearInterval(beat);
      await connection.stop();
    },
  };
}

/** Undefined: no JSON. What is thrown in a subscription's callback would end it without a sign. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
