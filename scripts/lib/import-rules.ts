import { matchesGlob } from "node:path"

/*
 * Who may import whom. A rule speaks of the files that match `files` and not `except`; they must not import
 * a file of the project, or a package, that matches `never`.
 */

export type Rule = { files: string[]; except?: string[]; never: string[]; because: string }

const http = ["fastify", "fastify-*", "@fastify/**"]
const databases = ["kysely", "pg", "pg-copy-streams"]
const tests = "**/test/**"

export const rules: Rule[] = [
  {
    files: ["packages/core/**"],
    never: ["services/**", "scripts/**", "bench/**"],
    because: "core stands below everything",
  },
  {
    files: ["packages/core/src/**"],
    never: [...http, ...databases, "ioredis"],
    because: "core is what both services must agree on: it knows no framework and no store",
  },
  {
    files: ["services/redirect/**"],
    never: ["services/admin/**", "bench/**", ...databases],
    because: "the edge knows only core and Redis",
  },
  {
    files: ["services/admin/**"],
    never: ["services/redirect/**", "bench/**"],
    because: "the services meet only in Redis",
  },
  {
    files: ["bench/**"],
    never: ["services/**"],
    because: "the bench starts the real processes; it fills and reads Redis by what core says",
  },
  {
    files: ["bench/null-servers/**"],
    never: ["packages/**", "scripts/**", "bench/{lib,load,measure,servers}/**"],
    because: "a null server knows nothing of what it is compared with",
  },
  {
    files: ["services/*/src/routes/**"],
    never: [...databases, "ioredis"],
    because: "routes leave queries to repositories, links and clicks",
  },
  {
    files: ["services/*/src/repositories/**"],
    never: [...http, "services/*/src/plugins/**"],
    because: "repositories know no HTTP",
  },
  {
    files: ["**"],
    except: ["services/*/src/app.ts", "services/*/src/routes/**", tests],
    never: ["services/*/src/routes/**"],
    because: "only app.ts registers routes",
  },
  {
    files: ["**"],
    never: ["services/*/src/{server,worker,ops-thread,publisher,ingest}.ts"],
    because: "a file that starts a process is nobody's module",
  },
]

/** Why the file must not import the other; undefined when it may. */
export function objection(file: string, imported: string) {
  return rules.find(
    ({ files, except = [], never }) =>
      matches(file, files) && !matches(file, except) && matches(imported, never) && file !== imported,
  )?.because
}

const matches = (path: string, globs: string[]) => globs.some((glob) => matchesGlob(path, glob))
