/** Addresses of the API, with every id and value escaped in one place. */

type Query = Record<string, string | number | undefined>;

function query(parts: Query): string {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(parts)) {
    if (value !== undefined && value !== "") pairs.set(key, String(value));
  }
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}

export type BundleFormat = "markdown" | "json";

export const api = {
  overview: () => "/api/overview",
  dataSets: () => "/api/data-sets",
  incidents: () => "/api/incidents",
  incident: (id: string) => `/api/incidents/${encodeURIComponent(id)}`,
  bundle: (id: string, format: BundleFormat, maxTokens: number) =>
    `/api/incidents/${encodeURIComponent(id)}/context${query({ format, max_tokens: maxTokens })}`,
  traces: (parts: Query) => `/api/traces${query(parts)}`,
  trace: (id: string) => `/api/traces/${encodeURIComponent(id)}`,
  path: (id: string) => `/api/traces/${encodeURIComponent(id)}/path`,
};
