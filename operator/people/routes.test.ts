import { expect, test } from "@jest/globals";
import { ApiProblem } from "./problem.ts";
import { routeOf } from "./routes.ts";

const id = "01234567-89ab-cdef-0123-456789abcdef";

test.each([
  ["GET", "/v1/namespaces/team/drivers/a/capabilities", "get capabilities team a"],
  ["GET", "/v1/namespaces/team/drivers/a/scaling", "get scaling team a"],
  ["GET", "/v1/namespaces/team/drivers/a/capabilities?x=1", "get capabilities team a"],
  ["POST", "/v1/namespaces/team/drivers/a/keys:rotate", "create rotatekeys team a"],
  ["POST", "/v1/namespaces/team/keys:rotate", "create rotatekeys team *"],
  ["POST", "/v1/keys:rotate", "create rotatekeys * *"],
  ["GET", `/v1/namespaces/team/rotations/${id}`, "create rotatekeys team *"],
  ["GET", `/v1/rotations/${id}`, "create rotatekeys * *"],
  ["GET", "/v1/namespaces/team/deadletters?driver=a", "get deadletters team *"],
  ["GET", "/v1/namespaces/team/drivers/a/deadletters", "get deadletters team a"],
  ["GET", "/v1/namespaces/team/deadletters/12", "get deadletters team *"],
  ["GET", "/v1/namespaces/team/drivers/a/deadletters/12", "get deadletters team a"],
  ["POST", "/v1/namespaces/team/deadletters:redrive", "update deadletters team *"],
  ["POST", "/v1/namespaces/team/drivers/a/deadletters:redrive", "update deadletters team a"],
  ["POST", "/v1/namespaces/team/deadletters:drop", "delete deadletters team *"],
  ["POST", "/v1/namespaces/team/drivers/a/deadletters:drop", "delete deadletters team a"],
  ["POST", "/v1/namespaces/team/drivers/a/replay", "create replay team a"],
  ["GET", "/v1/namespaces/team/tools", "get tools team *"],
  ["GET", "/v1/namespaces/team/drivers/a/tools", "get tools team a"],
  ["POST", "/v1/namespaces/team/drivers/a/tools/get-sum:call", "create tools team a"],
])("%s %s asks for %s", (method, path, asked) => {
  const { verb, subresource, namespace = "*", name = "*" } = routeOf(method, path).access;
  expect(`${verb} ${subresource} ${namespace} ${name}`).toBe(asked);
});

test.each([
  ["GET", "/", "NotFound"],
  ["GET", "/v1/namespaces/team/drivers/a/capabilities/", "NotFound"],
  ["GET", "/v1/namespaces/team/drivers/../capabilities", "NotFound"],
  ["GET", "/v1/namespaces/team/drivers/a%2fb/capabilities", "NotFound"],
  ["GET", "/v1/namespaces/Team/drivers/a/capabilities", "NotFound"],
  ["GET", `/v1/namespaces/team/drivers/${"a".repeat(41)}/capabilities`, "NotFound"],
  ["GET", `/v1/namespaces/${"a".repeat(64)}/drivers/a/capabilities`, "NotFound"],
  ["GET", "/v1/keys:rotate", "MethodNotAllowed"],
  ["GET", "/v1/namespaces/team/deadletters/0", "NotFound"],
  ["GET", "/v1/namespaces/team/deadletters/1e9", "NotFound"],
  ["POST", "/v1/namespaces/team/replay", "NotFound"],
  ["POST", "/v1/namespaces/team/drivers/a/tools/a.b:call", "NotFound"],
  ["GET", "/v1/namespaces/team/drivers/a/tools/a:call", "MethodNotAllowed"],
  ["POST", "/v1/namespaces/team/deadletters", "MethodNotAllowed"],
  ["DELETE", "/v1/namespaces/team/drivers/a/capabilities", "MethodNotAllowed"],
])("%s %s is refused: %s", (method, path, reason) => {
  let problem: unknown;
  try {
    routeOf(method, path);
  } catch (error) {
    problem = error;
  }
  expect(problem).toBeInstanceOf(ApiProblem);
  expect(problem).toMatchObject({ reason });
});
