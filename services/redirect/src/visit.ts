import { isPrefetch } from "@qiao/core/automated.ts"
import type { Visit } from "@qiao/core/condition.ts"
import { referrerHost } from "@qiao/core/host.ts"
import type { PlaceOf } from "@qiao/core/place.ts"
import type { RecurringVisitor } from "@qiao/core/visitor.ts"
import type { Ask } from "./ask.ts"
import { clientAddress, clientLanguage } from "./client.ts"
import { memoise } from "./memoise.ts"
import type { Synthetic } from "./synthetic.ts"

/** What is known of a visit, worked out once for the decision and the record of it. */
export type Seen = { visit: Visit; visitor: RecurringVisitor; isAutomated: boolean; isSynthetic: boolean }

export type See = (ask: Ask) => Seen

/** Reads off a request who visits. */
export function createSee(
  visitorOf: (userAgent: string) => RecurringVisitor,
  placeOf: PlaceOf,
  { isSynthetic }: Pick<Synthetic, "isSynthetic">,
): See {
  const referrer = memoise(referrerHost)
  return ({ req, nowMs, query }) => {
    const { headers, method } = req.raw
    const visitor = visitorOf(headers["user-agent"] ?? "")
    const { platform, os, device, browser } = visitor
    const visit = {
      nowMs,
      platform,
      os,
      device,
      browser,
      language: clientLanguage(req),
      referrer: headers.referer === undefined ? "" : referrer(headers.referer),
      query,
      ip: clientAddress(req),
      placeOf,
      isUnlocked: false,
    }
    return {
      visit,
      visitor,
      isAutomated: visitor.automated || method === "HEAD" || isPrefetch(headers),
      isSynthetic: isSynthetic(headers, nowMs),
    }
  }
}
