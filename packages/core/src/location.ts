import type { Decision } from "./decide.ts"
import { EXTRA_LENGTH_MAX, type Extra, forward } from "./forward.ts"
import type { LinkRecord } from "./record.ts"

/** Why an address is none of the link's, whatever the link decides; null when it is one. */
export function refusalOf(link: LinkRecord, { path, query }: Extra): "not_found" | "too_long" | null {
  if (path !== "" && !link.forwardPath) return "not_found"
  return path.length + (link.forwardQuery ? query.length : 0) > EXTRA_LENGTH_MAX ? "too_long" : null
}

/** Where a redirect leads; null when what the visitor adds would lead elsewhere. Nothing is added to an `expiredUrl`. */
export function locationOf(
  link: LinkRecord,
  decision: Decision & { kind: "redirect" },
  { path, query }: Extra,
): string | null {
  const added = link.forwardQuery ? query : ""
  if (decision.outcome !== "redirect" || (path === "" && added === "")) return decision.url
  return forward(decision.url, { path, query: added })
}
