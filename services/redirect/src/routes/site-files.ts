import type { Answers } from "../answers.ts"
import type { Ask } from "../ask.ts"
import { isRead } from "../client.ts"
import type { Results } from "../metrics.ts"

type SiteFile = { result: "robots" | "site_file"; type: string; body: string | Buffer }

/** Link previews are made by crawlers, so they may fetch; that pages stay out of indexes is said by `X-Robots-Tag`. */
const ROBOTS = "User-agent: *\nAllow: /\n"

const JSON_TYPE = "application/json"
const TEXT_TYPE = "text/plain; charset=utf-8"

const TYPES: Readonly<Record<string, string>> = {
  txt: TEXT_TYPE,
  html: "text/html; charset=utf-8",
  json: JSON_TYPE,
  xml: "application/xml",
}

/** Short, so that an edit shows; and what a workspace uploads runs no script under the host of its links. */
const HEADERS = [
  ...["Cache-Control", "public, max-age=300"],
  ...["X-Content-Type-Options", "nosniff"],
  ...["Content-Security-Policy", "sandbox"],
]

/** Serves the file that a domain has at this path, before any code; false where it has none. A banned one has our robots.txt alone. */
export function createSiteFiles(deps: {
  answers: Answers
  results: Results
}): (ask: Ask, isBanned: boolean) => boolean {
  const { answers, results } = deps
  return (ask, isBanned) => {
    const file = isBanned ? robotsAt(ask, null) : fileAt(ask)
    if (file === null) return false
    if (!isRead(ask.req)) {
      answers.refuseMethod(ask)
      return true
    }
    results[file.result]++
    const length = String(Buffer.byteLength(file.body))
    ask.res.writeHead(200, ["Content-Type", file.type, "Content-Length", length, ...HEADERS])
    ask.res.end(file.body)
    return true
  }
}

function fileAt(ask: Ask): SiteFile | null {
  const { domain, segment, path } = ask
  if (path === "") {
    const bytes = domain.files.size === 0 ? undefined : domain.files.get(segment)
    if (bytes !== undefined) return { result: "site_file", type: typeOf(segment), body: bytes }
    return robotsAt(ask, domain.robotsTxt)
  }
  if (segment !== ".well-known") return null
  const body =
    path === "/apple-app-site-association"
      ? domain.appleAppSiteAssociation
      : path === "/assetlinks.json"
        ? domain.assetLinks
        : null
  return body === null ? null : { result: "site_file", type: JSON_TYPE, body }
}

function robotsAt({ segment, path }: Ask, own: string | null): SiteFile | null {
  if (segment !== "robots.txt" || path !== "") return null
  return { result: "robots", type: TEXT_TYPE, body: own ?? ROBOTS }
}

function typeOf(name: string): string {
  return TYPES[name.slice(name.lastIndexOf(".") + 1).toLowerCase()] ?? "application/octet-stream"
}
