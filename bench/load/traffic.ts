import { readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import type { Bench } from "../lib/bench.ts"

/**
 * What is asked for: one path after another from anywhere in the list, again from the first after the last, each by a User-Agent that is
 * drawn anew. Files of one a line, as load generators are processes of their own.
 */
export type Traffic = { host: string; pathsFile: string; agentsFile: string }

/** The headers that every load generator sends, so that they can be compared. */
export const HEADERS = { Accept: "*/*", "Accept-Language": "zh-CN,zh;q=0.9" }

/** Of a file of traffic. */
export const linesOf = (file: string): string[] => readFileSync(file, "utf8").split("\n")

let written = 0

export async function writeTraffic(
  { folder }: Bench,
  { host, paths, agents }: { host: string; paths: string[]; agents: string[] },
): Promise<Traffic> {
  const prefix = `${folder}/traffic-${++written}`
  const [pathsFile, agentsFile] = [`${prefix}-paths`, `${prefix}-agents`]
  await writeFile(pathsFile, paths.join("\n"))
  await writeFile(agentsFile, agents.join("\n"))
  return { host, pathsFile, agentsFile }
}
