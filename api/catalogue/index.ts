export { catalogue, maybeCatalogued, versionsOf } from "./catalogue.ts";
export { type CatalogueEntry, dataSchemaUri, OLDER_VERSION } from "./entry.ts";
export { jsonSchemaOf } from "./json-schemas.ts";
export { catalogueViolation, type Violation, violationOf } from "./violation.ts";
