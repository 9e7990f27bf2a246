import { globSync, readFileSync } from "node:fs"
import { objection } from "./lib/import-rules.ts"
import { cyclesOf, importsOf, misspelling } from "./lib/imports.ts"
import { root } from "./lib/services.ts"

/* Prints every import that breaks a rule of lib/import-rules.ts, as file:line, and every cycle. */

const files = globSync("{packages,services,scripts,bench}/**/*.ts", {
  cwd: root,
  exclude: (path) => path.endsWith("node_modules"),
})

const complaints: string[] = []
const graph = new Map<string, string[]>()

for (const file of files.sort()) {
  const imports = importsOf(readFileSync(`${root}/${file}`, "utf8"), file)
  for (const found of imports) {
    const because = misspelling(found, root) ?? (found.target && objection(file, found.target))
    if (because) complaints.push(`${file}:${found.line} imports ${found.specifier}: ${because}`)
  }
  graph.set(
    file,
    imports.flatMap(({ target, isTypeOnly }) => (target && !isTypeOnly ? [target] : [])),
  )
}

for (const cycle of cyclesOf(graph)) complaints.push(`${cycle.join(" → ")}: imports go in a circle`)

for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exit(1)
