import { type Driver, PAUSED_ANNOTATION } from "@vextir/api";

/** A paused Driver is left as it is, pods and bus access too; a deletion goes through. */
export const isPaused = ({ metadata }: Driver) => metadata.annotations?.[PAUSED_ANNOTATION] === "true";
