/** Port of `/healthz`, `/readyz` and `/metrics` in every driver's pod. */
export const HEALTH_PORT = 9464;
/** Its name there. */
export const HEALTH_PORT_NAME = "health";
