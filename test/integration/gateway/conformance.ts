/**
 * The cases of the CloudEvents project's conformance suite (repository cloudevents/conformance, under their names there):
 * `features/http-protocol-binding.feature`, `yaml/v1.0/v1_minimum.yaml` and `format/json`.
 */

/** A request's headers and body, and what has to become of it. */
export interface BindingCase {
  name: string;
  headers: Record<string, string>;
  body: string;
  attributes: Record<string, unknown>;
  data: unknown;
}

const ATTRIBUTES = {
  id: "1234-1234-1234",
  type: "com.example.someevent",
  source: "/mycontext/subcontext",
  time: "2018-04-05T03:56:24Z",
};
const GREETING = { message: "Hello World!" };
const asHeaders = (attributes: Record<string, string>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]));

const binary = (contentType: string): BindingCase => ({
  name: `Binary content mode (${contentType})`,
  headers: { ...asHeaders({ specversion: "1.0", ...ATTRIBUTES }), "content-type": contentType },
  body: '{\n    "message": "Hello World!"\n}\n',
  attributes: { ...ATTRIBUTES, dataContentType: contentType },
  data: GREETING,
});

const structured = (contentType: string): BindingCase => ({
  name: `Structured content mode (${contentType})`,
  headers: { "content-type": contentType },
  body: JSON.stringify(
    { specversion: "1.0", ...ATTRIBUTES, datacontenttype: "application/json", data: GREETING },
    null,
    4,
  ),
  attributes: { ...ATTRIBUTES, dataContentType: "application/json" },
  data: GREETING,
});

/** An event of the smallest kind, in binary mode. */
const minimum = (number: number, contentType: string, body: string, data: unknown = body): BindingCase => {
  const id = `conformance-000${number}`;
  const attributes = {
    id,
    type: "io.cloudevents.minimum",
    source: "//github.com/cloudevents/cloudeventsconformance/yaml/v1.yaml",
  };
  return {
    name: `Minimum ${number} (${contentType})`,
    headers: { ...asHeaders({ specversion: "1.0", ...attributes }), "content-type": contentType },
    body,
    attributes: { ...attributes, dataContentType: contentType },
    data,
  };
};

export const BINDING: readonly BindingCase[] = [
  binary("application/json"),
  binary("application/json; charset=utf-8"),
  structured("application/cloudevents+json"),
  structured("application/cloudevents+json; charset=utf-8"),
  minimum(1, "text/plain; charset=us-ascii", "Hello, World!\n"),
  minimum(2, "text/plain; charset=utf-8", "Hello, 🌎!\n"),
  minimum(3, "application/json; charset=utf-8", '"Hello, 🌎!"\n', "Hello, 🌎!"),
  minimum(4, "application/json; charset=utf-8", '{"msg":"Hello, 🌎!"}\n', { msg: "Hello, 🌎!" }),
  minimum(5, "application/json; charset=utf-8", '["Hello","🌎!"]\n', ["Hello", "🌎!"]),
  minimum(6, "application/xml; charset=utf-8", "<msg>Hello, 🌎!</msg>\n"),
];

type Members = Record<string, unknown>;

const REQUIRED = { specversion: "1.0", type: "io.cloudevents.test", source: "https://cloudevents.io" };
const event = (id: string, more: Members = {}): Members => ({ ...REQUIRED, id, ...more });

const MINIMAL = event("minimal");
const ALL_CORE = event("allCore", {
  datacontenttype: "text/plain",
  dataschema: "https://cloudevents.io/dataschema",
  subject: "tests",
  time: "2018-04-05T17:31:00Z",
});
const EXTENSIONS = {
  extinteger: 10,
  extboolean: true,
  extstring: "text",
  exturi: "https://cloudevents.io",
  exturiref: "//authority/path",
  exttimestamp: "2023-03-31T15:12:00Z",
  extbinary: "TWE=",
};
const ALL_EXTENSIONS = event("allExtensionTypes", EXTENSIONS);

/** `event` and `batch`: what is sent. */
export const VALID_EVENTS: readonly { name: string; event: Members }[] = [
  { name: "validMinimal", event: MINIMAL },
  {
    name: "validMinimalWithNullForOptional",
    event: event("minimal", { datacontenttype: null, dataschema: null, subject: null, time: null }),
  },
  { name: "validAllCoreAttributes", event: ALL_CORE },
  { name: "validMinimalWithTimeUtc", event: event("minimalWithTime", { time: "2018-04-05T17:31:00Z" }) },
  {
    name: "validMinimalWithTimeToNanosecondsUtc",
    event: event("minimalWithTime", { time: "2018-04-05T17:31:00.000000000Z" }),
  },
  {
    name: "validMinimalWithTimeUsingPositiveOffset",
    event: event("minimalWithTime", { time: "2018-04-05T18:31:00+01:00" }),
  },
  {
    name: "validMinimalWithTimeUsingNegativeOffset",
    event: event("minimalWithTime", { time: "2018-04-05T16:31:00-01:00" }),
  },
  { name: "validRelativeSource", event: event("minimalWithRelativeSource", { source: "#fragment" }) },
  {
    name: "validSimpleTextData",
    event: event("simpleTextData", { datacontenttype: "text/plain", data: "Simple text" }),
  },
  { name: "validAllExtensionTypes", event: ALL_EXTENSIONS },
];

export const VALID_BATCHES: readonly { name: string; batch: Members[] }[] = [
  { name: "validBatchEmpty", batch: [] },
  { name: "validBatchMinimal", batch: [MINIMAL] },
  { name: "validBatchMinimal2", batch: [MINIMAL, MINIMAL] },
  { name: "validBatchMinimalAndAllCore", batch: [MINIMAL, ALL_CORE] },
  { name: "validBatchMinimalAndAllExtensionTypes", batch: [MINIMAL, ALL_EXTENSIONS] },
];

const without = (name: string) =>
  Object.fromEntries(Object.entries(event("invalid")).filter(([key]) => key !== name));
const time = (text: string) => event("invalid", { time: text });

/** `field`: the attribute that the refusal has to name. */
export const INVALID_EVENTS: readonly { name: string; event: Members; field: string }[] = [
  { name: "invalidNoSpecVersion", event: without("specversion"), field: "specversion" },
  { name: "invalidNoId", event: without("id"), field: "id" },
  { name: "invalidNoType", event: without("type"), field: "type" },
  { name: "invalidNoSource", event: without("source"), field: "source" },
  { name: "invalidTimeGarbage", event: time("lunchtime"), field: "time" },
  { name: "invalidTimeToMinute", event: time("2018-04-05T18:31Z"), field: "time" },
  { name: "invalidTimeOffsetX", event: time("2018-04-05T18:31:00X"), field: "time" },
  { name: "invalidTimeOffsetOutOfRange", event: time("2018-04-05T18:31:00+25:00"), field: "time" },
  { name: "invalidTimeOffsetNonInteger", event: time("2018-04-05T18:31:00+xx:00"), field: "time" },
  { name: "invalidTimeOffsetHourOnly", event: time("2018-04-05T18:31:00+05"), field: "time" },
  { name: "invalidEmptyId", event: event(""), field: "id" },
  { name: "invalidEmptyType", event: event("invalid", { type: "" }), field: "type" },
  { name: "invalidEmptySource", event: event("invalid", { source: "" }), field: "source" },
  { name: "invalidEmptySpecVersion", event: event("invalid", { specversion: "" }), field: "specversion" },
  {
    name: "invalidUnknownSpecVersion",
    event: event("invalid", { specversion: "0.9" }),
    field: "specversion",
  },
  {
    name: "invalidNonRfc2046DataContentType",
    event: event("invalid", { datacontenttype: "xyz" }),
    field: "datacontenttype",
  },
  {
    name: "invalidEmptyDataContentType",
    event: event("invalid", { datacontenttype: "" }),
    field: "datacontenttype",
  },
  { name: "invalidEmptyDataSchema", event: event("invalid", { dataschema: "" }), field: "dataschema" },
  { name: "invalidEmptySubject", event: event("invalid", { subject: "" }), field: "subject" },
  { name: "invalidNumericId", event: { ...MINIMAL, id: 25 }, field: "id" },
  { name: "invalidObjectId", event: { ...MINIMAL, id: { xyz: "abc" } }, field: "id" },
  {
    name: "invalidCapitalizedExtension",
    event: event("invalid", { MyExtension: "bad" }),
    field: "MyExtension",
  },
  {
    name: "invalidPunctuatedExtension",
    event: event("invalid", { "my.extension": "bad" }),
    field: "my.extension",
  },
  {
    name: "invalidNonIntegerExtensionValue",
    event: event("invalid", { "my.extension": 1.5 }),
    field: "my.extension",
  },
  {
    name: "invalidBothDataAndDataBase64",
    event: event("invalid", { data: "text", data_base64: "eyAieHl6IjogMTIzIH0=" }),
    field: "data_base64",
  },
];

/** `at`: the entries that are at fault. */
export const INVALID_BATCHES: readonly { name: string; batch: unknown[]; at: number[] }[] = [
  {
    name: "invalidBatchMixedSpecVersions",
    batch: [event("minimal1"), event("minimal2", { specversion: "0.9" })],
    at: [1],
  },
  { name: "invalidBatchContainingInvalidCloudEvent", batch: [without("id")], at: [0] },
  { name: "invalidBatchContainingNonObject", batch: ["not an object", event("minimal1")], at: [0] },
];
