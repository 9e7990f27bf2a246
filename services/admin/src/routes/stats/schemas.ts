import { z } from "zod"

export const countFields = {
  visits: z.number().describe("All requests"),
  automated: z.number().describe("Those of crawlers and fetchers among them"),
  clicks: z.number().describe("Those of people that ended in a redirect of the link's own"),
}

export const counts = z.object(countFields)

export const source = z
  .enum(["rollups", "visits"])
  .describe(
    "What it was worked out from: counts, which never grow old, or single visits, which are kept for a while",
  )

export const rangeAnswer = {
  from: z.string().describe("Inclusive"),
  to: z.string().describe("Exclusive"),
  timezone: z.string(),
}

export const isoRange = ({ from, to }: { from: Date; to: Date }) => ({
  from: from.toISOString(),
  to: to.toISOString(),
})
