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
    except: ["bench/decide.ts", "bench/ingest.ts", "bench/ingest/**", "bench/stats.ts", "bench/stats/**"],
    never: ["packages/**", "services/**", "scripts/**"],
    because: "the bench speaks HTTP only",
  },
  {
    files: ["bench/decide.ts"],
    never: ["services/**", "scripts/**"],
    because: "the bench of the decision needs core alone",
  },
  {
    files: ["bench/ingest.ts", "bench/ingest/**"],
    never: ["services/**"],
    because: "the bench of ingesting makes the edges' batches and starts the real process",
  },
  {
    files: ["bench/stats.ts", "bench/stats/**"],
    never: ["packages/**", "services/**"],
    because: "the bench of statistics starts the real process and speaks HTTP with it",
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
    never: ["services/*/src/{server,publisher,ingest}.ts"],
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
