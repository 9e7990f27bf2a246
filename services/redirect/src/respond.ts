import type { ServerResponse } from "node:http"
import type { Page } from "./pages/layout.ts"
import type { RedirectHeaders } from "./prepare.ts"

/*
 * Answers are written to the raw response: their headers are ready-made, and Fastify's reply would take them apart again. Node leaves
 * out the body on HEAD and adds Date.
 */

export function sendRedirect(res: ServerResponse, status: number, headers: RedirectHeaders): void {
  res.writeHead(status, headers).end()
}

export function sendPage(res: ServerResponse, page: Page, extraHeaders: string[] = []): void {
  res.writeHead(page.status, extraHeaders.length === 0 ? page.headers : [...page.headers, ...extraHeaders])
  res.end(page.body)
}

export function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  extraHeaders: string[] = [],
): void {
  const length = String(Buffer.byteLength(text))
  const headers = ["Content-Type", "text/plain; charset=utf-8", "Content-Length", length]
  res.writeHead(status, [...headers, ...extraHeaders]).end(text)
}
