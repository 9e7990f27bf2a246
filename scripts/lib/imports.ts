import { existsSync } from "node:fs"
import { dirname, join } from "node:path/posix"

export type Import = {
  line: number
  /** As written. */
  specifier: string
  /** A file of the project, relative to its root, or the name of a package; undefined for Node's own. */
  target: string | undefined
  /** Gone at run time. */
  isTypeOnly: boolean
}

const statement =
  /^[ \t]*(?:import|export)\s+(type\s)?[^"'`;()]*?\bfrom\s*["']([^"']+)["']|^[ \t]*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm

const workspacePackages: Record<string, string> = {
  "@qiao/core": "packages/core/src",
  "@qiao/redirect": "services/redirect/src",
  "@qiao/admin": "services/admin/src",
}

/** The imports of a file's text; `file` is its path relative to the project's root. */
export function importsOf(text: string, file: string): Import[] {
  return [...text.matchAll(statement)].map((match) => {
    const specifier = match[2] ?? match[3] ?? match[4] ?? ""
    const line = text.slice(0, match.index + match[0].length).split("\n").length
    return { line, specifier, target: targetOf(specifier, file), isTypeOnly: match[1] !== undefined }
  })
}

function targetOf(specifier: string, file: string) {
  if (specifier.startsWith("node:")) return undefined
  if (specifier.startsWith(".")) return join(dirname(file), specifier)
  const [scope = "", rest = "", ...path] = specifier.split("/")
  if (!specifier.startsWith("@")) return scope
  const folder = workspacePackages[`${scope}/${rest}`]
  return folder ? join(folder, ...path) : `${scope}/${rest}`
}

/** Chains of files that lead back to their beginning, each cycle once. */
export function cyclesOf(graph: Map<string, string[]>) {
  const finished = new Set<string>()
  const cycles: string[][] = []

  function walk(file: string, path: string[]) {
    const start = path.indexOf(file)
    if (start >= 0) cycles.push([...path.slice(start), file])
    if (start >= 0 || finished.has(file)) return
    for (const next of graph.get(file) ?? []) walk(next, [...path, file])
    finished.add(file)
  }

  for (const file of graph.keys()) walk(file, [])
  return cycles
}

/** What is wrong with how an import is written. */
export function misspelling({ specifier, target }: Import, root: string) {
  if (!specifier.startsWith(".")) return undefined
  if (!/\.(ts|json)$/.test(specifier)) return "relative imports end in .ts"
  return target && existsSync(join(root, target)) ? undefined : "there is no such file"
}
