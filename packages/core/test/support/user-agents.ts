import { readFileSync } from "node:fs"

/** Labelled User-Agents, a JSON object a line. */
export function userAgentsByLabel(file: string): Map<string, string[]> {
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean)
  const rows = lines.map((line) => JSON.parse(line) as { ua: string; platform: string })
  const labels = [...Map.groupBy(rows, ({ platform }) => platform)]
  return new Map(labels.map(([label, rows]) => [label, rows.map(({ ua }) => ua)]))
}
