import type { Readable } from "node:stream"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { Gauge, type Registry } from "prom-client"
import { z } from "zod"
import type { Db } from "../../db/connect.ts"
import { Problem } from "../../problem.ts"
import {
  type RawVisitsQuery,
  readRawVisits,
  type VisitPosition,
} from "../../repositories/clicks/raw-visits.ts"
import { createRowStream } from "../../stats/row-stream.ts"
import {
  formatVisits,
  MEDIA_TYPES,
  toVisit,
  VISIT_FORMATS,
  type VisitFormat,
} from "../../stats/visit-formats.ts"
import { failures, flag } from "../schemas.ts"
import { visitFields, visitsQuery } from "./raw.ts"

const exportQuery = z.strictObject({
  format: z.enum(VISIT_FORMATS).default("ndjson"),
  bom: flag.default(false).describe("For CSV: begins with a mark by which Excel knows UTF-8"),
  ...visitFields,
})

/** Of visits in memory for one reader, and looked at for a piece that may be empty. */
const PAGE_ROWS = 1_000
const SCAN_MAX = 100_000
/** A reader that takes nothing for so long is given up. */
const STALL_MAX_MS = 60_000

const files = {
  description: "All of them, as a file",
  content: {
    "application/x-ndjson": { schema: z.string() },
    "text/csv": { schema: z.string() },
  },
}

type Options = { exportsMax: number; registry: Registry }

export const rawExportRoutes: FastifyPluginAsyncZod<Options> = async (app, { exportsMax, registry }) => {
  const running = new Set<Readable>()
  new Gauge({
    name: "qiao_admin_exports",
    help: "Exports under way",
    registers: [registry],
    collect() {
      this.set(running.size)
    },
  })
  // Closing waits for no long answer: a reader sees that it is cut off.
  app.addHook("preClose", async () => {
    for (const stream of running) stream.destroy(new Error("the server stops"))
  })

  app.get("/stats/raw/export", {
    // A HEAD would read everything for nobody.
    exposeHeadRoute: false,
    config: { scope: "stats:read" },
    schema: {
      summary: "Export single visits, the oldest first",
      description:
        "Every visit that the list has, as NDJSON, or as CSV (RFC 4180) with a header line. In CSV a cell that a spreadsheet would take for a formula, as it begins with `=`, `+`, `-`, `@`, a tab or a return, has a `'` before it. An answer that is cut off is not complete: its last chunk is missing.",
      querystring: exportQuery,
      response: { 200: files, ...failures },
    },
    handler: async (req, reply) => {
      const { format, bom } = req.query
      const query = await visitsQuery(app, req, req.query)
      if (running.size >= exportsMax) throw tooMany(exportsMax)
      const stream = createRowStream(pieces(app.db, query, format, bom), STALL_MAX_MS)
      running.add(stream)
      stream.on("close", () => running.delete(stream))
      reply.header("content-type", MEDIA_TYPES[format])
      reply.header("content-disposition", `attachment; filename="visits.${format}"`)
      return reply.header("cache-control", "no-store").send(stream as never)
    },
  })
}

/** Each piece is a statement of its own, so that no transaction stays open while a reader takes its time. */
async function* pieces(
  db: Db,
  query: RawVisitsQuery,
  format: VisitFormat,
  hasMark: boolean,
): AsyncGenerator<string> {
  let after: VisitPosition | null = null
  let isFirst = true
  do {
    const options = { after, limit: PAGE_ROWS, scanMax: SCAN_MAX }
    const page: Awaited<ReturnType<typeof readRawVisits>> = await readRawVisits(db, query, "oldest", options)
    const piece = formatVisits(page.visits.map(toVisit), format, { isFirst, hasMark })
    if (piece !== "") yield piece
    isFirst = false
    after = page.next
  } while (after !== null)
}

function tooMany(max: number): Problem {
  const headers = { "retry-after": "30" }
  return new Problem(503, "too_many_exports", `This server makes ${max} exports already.`, { headers })
}
