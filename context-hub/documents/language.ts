/** PostgreSQL's text search configurations by ISO 639-1; those that both a server and PGlite have. */
const CONFIGURATIONS: Readonly<Record<string, string>> = {
  ar: "arabic",
  ca: "catalan",
  da: "danish",
  de: "german",
  el: "greek",
  en: "english",
  es: "spanish",
  et: "estonian",
  eu: "basque",
  fi: "finnish",
  fr: "french",
  ga: "irish",
  hi: "hindi",
  hu: "hungarian",
  hy: "armenian",
  id: "indonesian",
  it: "italian",
  lt: "lithuanian",
  ne: "nepali",
  nl: "dutch",
  no: "norwegian",
  pt: "portuguese",
  ro: "romanian",
  ru: "russian",
  sr: "serbian",
  sv: "swedish",
  ta: "tamil",
  tr: "turkish",
  yi: "yiddish",
};

export const LANGUAGES: readonly string[] = Object.keys(CONFIGURATIONS);

/** Its own name is safe to stand in SQL. `simple` takes words as they are. */
export const configurationOf = (language: string): string => CONFIGURATIONS[language] ?? "simple";

export const isLanguage = (language: string): boolean =>
  language === "" || Object.hasOwn(CONFIGURATIONS, language);
