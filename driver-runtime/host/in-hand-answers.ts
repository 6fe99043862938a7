import { type PodInHand, subjects } from "@vextir/api";
import type { Logger } from "pino";
import type { Link, Listening } from "../bus/link.ts";

/** Somebody who has work in hand. */
export interface Worker {
  readonly inHand: number;
  /** The longest time that one piece of work took lately, or has taken so far. */
  readonly longestMs: number;
}

export interface InHandAnswersParts {
  link: Link;
  pod: string;
  consumptions: readonly Worker[];
  server: Worker;
  log: Logger;
}

/** Tells the operator, who asks before it takes pods away, what this pod has in hand. */
export function answerInHand({ link, pod, consumptions, server, log }: InHandAnswersParts): Listening {
  const answer = (): PodInHand => ({
    pod,
    events: consumptions.reduce((sum, { inHand }) => sum + inHand, 0),
    calls: server.inHand,
    longestMs: Math.max(server.longestMs, ...consumptions.map(({ longestMs }) => longestMs)),
  });
  return link.listen(subjects.inHand, {
    received: ({ reply }) => {
      if (reply) link.send(reply, JSON.stringify(answer()));
    },
    refused: (error) => log.error({ err: error }, "the operator can't be told what is in hand"),
  });
}
