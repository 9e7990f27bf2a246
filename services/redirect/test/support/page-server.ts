import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { createVisitors } from "@qiao/core/visitor.ts"
import type { Test } from "tap"
import type { Page } from "../../src/pages/layout.ts"
import { createPages } from "../../src/pages/pages.ts"
import { pageLanguage } from "../../src/pages/texts.ts"
import { BRANDS, SAMPLES, WORDS } from "./sample-pages.ts"

export type PageServer = {
  port: number
  /** Of a sample in a brand, or of `guide` or `app` as the visitor's own User-Agent makes it. */
  url(name: string, brand?: string): string
  /** What was posted to it. */
  posted: string[]
}

/** The edge's pages over real HTTP, in the language the browser asks for, without an edge. */
export async function servePages(t: Test): Promise<PageServer> {
  const posted: string[] = []
  const brands = Object.fromEntries(Object.entries(BRANDS).map(([name, brand]) => [name, createPages(brand)]))
  const visitorOf = createVisitors(100)

  function pageFor(req: IncomingMessage): Page | null {
    const { pathname } = new URL(req.url ?? "/", "http://localhost")
    const [brand = "", name = ""] = pathname.slice(1).split("/").map(decodeURIComponent)
    const pages = brands[brand]
    if (pages === undefined) return null
    const language = pageLanguage(req.headers["accept-language"] ?? "")
    const { platform, os } = visitorOf(req.headers["user-agent"] ?? "")
    if (name === "guide") return pages.guide({ ...WORDS, language, platform, os })
    if (name === "app") return pages.app({ language, platform, os, target: WORDS.app })
    return SAMPLES[name]?.(pages, language, { ...WORDS, action: pathname }) ?? null
  }

  async function answer(req: IncomingMessage, res: ServerResponse) {
    if (req.method === "POST") {
      let body = ""
      for await (const chunk of req.setEncoding("utf8")) body += chunk
      posted.push(body)
      return res.writeHead(303, { location: `http://shop.example.com:${port}/arrived` }).end()
    }
    if (req.url === "/arrived") return res.end("arrived")
    const page = pageFor(req)
    if (page === null) return res.writeHead(204).end()
    res.writeHead(page.status, page.headers).end(page.body)
  }

  const server = createServer((req, res) => void answer(req, res))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const url = (name: string, brand = "none") =>
    `http://localhost:${port}/${brand}/${encodeURIComponent(name)}`
  return { port, url, posted }
}
