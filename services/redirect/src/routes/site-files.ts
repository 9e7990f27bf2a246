import type { Answers } from "../answers.ts"
import type { Ask } from "../ask.ts"
import { isRead } from "../client.ts"
import type { Result, Results } from "../metrics.ts"

type SiteFile = { result: Result; status: number; headers: string[]; body: string | Buffer }

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

/** For five minutes, so that an edit shows; and what a workspace uploads runs no script under the host of its links. */
const HEADERS = [
  ...["Cache-Control", "public, max-age=300"],
  ...["X-Content-Type-Options", "nosniff"],
  ...["Content-Security-Policy", "sandbox"],
]

const NO_ICON: SiteFile = {
  result: "favicon",
  status: 204,
  headers: ["Cache-Control", "public, max-age=86400"],
  body: "",
}

/**
 * Serves what a domain has at this path; false where it has nothing. The name of a file has a dot, which no code has. A banned domain has
 * none but our robots.txt.
 */
export function createSiteFiles(deps: {
  answers: Answers
  results: Results
}): (ask: Ask, isBanned: boolean) => boolean {
  const { answers, results } = deps
  return (ask, isBanned) => {
    const file = isBanned ? standardFileAt(ask, null) : fileAt(ask)
    if (file === null) return false
    if (!isRead(ask.req)) {
      answers.refuseMethod(ask)
      return true
    }
    results[file.result]++
    ask.res.writeHead(file.status, file.headers).end(file.body)
    return true
  }
}

function fileAt(ask: Ask): SiteFile | null {
  const { domain, segment, path } = ask
  if (path === "") {
    const bytes = domain.files.size === 0 ? undefined : domain.files.get(segment)
    if (bytes !== undefined) return siteFile("site_file", typeOf(segment), bytes)
    return standardFileAt(ask, domain.robotsTxt)
  }
  if (segment !== ".well-known") return null
  const body =
    path === "/apple-app-site-association"
      ? domain.appleAppSiteAssociation
      : path === "/assetlinks.json"
        ? domain.assetLinks
        : null
  return body === null ? null : siteFile("site_file", JSON_TYPE, body)
}

/** What clients ask of any host. */
function standardFileAt({ segment, path }: Ask, robotsTxt: string | null): SiteFile | null {
  if (path !== "") return null
  if (segment === "favicon.ico") return NO_ICON
  return segment === "robots.txt" ? siteFile("robots", TEXT_TYPE, robotsTxt ?? ROBOTS) : null
}

function siteFile(result: Result, type: string, body: string | Buffer): SiteFile {
  const length = String(Buffer.byteLength(body))
  return { result, status: 200, headers: ["Content-Type", type, "Content-Length", length, ...HEADERS], body }
}

function typeOf(name: string): string {
  return TYPES[name.slice(name.lastIndexOf(".") + 1).toLowerCase()] ?? "application/octet-stream"
}
