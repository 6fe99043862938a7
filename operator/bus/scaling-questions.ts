import { errors } from "@nats-io/transport-node";
import { ScalingReport, subjects } from "@vextir/api";
import { BusError } from "./authority.ts";
import { BusConnection, type BusEndpoint, type BusLog, connectOnce } from "./bus-connection.ts";
import { busError } from "./bus-failure.ts";
import type { Realm } from "./realm.ts";

/** Answers how a driver is scaled; undefined: it is not. */
export type ScalingAnswers = (namespace: string, name: string) => ScalingReport | undefined;

/** Where it is asked how drivers are scaled. */
export interface ScalingQuestions {
  serve(answers: ScalingAnswers): { stop(): Promise<void> };
}

const ANSWER_MS = 3_000;
const NOBODY = "the operator's leader does not answer: try again in some seconds";

/** Only the leader scales, and any replica is asked by people: they ask it over the bus, in the operator's own account. */
export class NatsScalingQuestions implements ScalingQuestions {
  readonly #options: BusEndpoint & { realm: Realm; log: BusLog };

  constructor(options: BusEndpoint & { realm: Realm; log: BusLog }) {
    this.#options = options;
  }

  serve(answers: ScalingAnswers): { stop(): Promise<void> } {
    const { realm, log } = this.#options;
    return new BusConnection({
      endpoint: this.#options,
      name: "vextir-scaling-reports",
      user: realm.scalingAnswerUser,
      log: { info: () => {}, warn: (about, message) => log.warn(about, message) },
      opened: (connection) => {
        connection.subscribe(subjects.scalingOf("*", "*"), {
          callback: (error, message) => {
            const [, namespace = "", name = ""] = message.subject.split(".");
            if (!error) message.respond(JSON.stringify(answers(namespace, name) ?? null));
          },
        });
      },
    });
  }
}

/** How the driver is scaled, of the leader; undefined: it is not. @throws BusError `Unavailable` */
export async function askScaling(
  endpoint: BusEndpoint & { realm: Realm },
  { namespace, name }: { namespace: string; name: string },
): Promise<ScalingReport | undefined> {
  const user = endpoint.realm.scalingQuestionUser;
  const connection = await connectOnce(endpoint, "vextir-scaling-question", user, "the bus");
  try {
    const answer = await connection.request(subjects.scalingOf(namespace, name), "", { timeout: ANSWER_MS });
    return ScalingReport.nullable().parse(answer.json()) ?? undefined;
  } catch (error) {
    if (error instanceof errors.RequestError) throw new BusError("Unavailable", NOBODY, { cause: error });
    throw busError(error, `ask how ${namespace}/${name} is scaled`);
  } finally {
    await connection.close();
  }
}
