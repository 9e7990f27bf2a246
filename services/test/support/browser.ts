import { existsSync } from "node:fs"
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core"
import type { Test } from "tap"

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]

/**
 * A headless Chromium in which every host name leads to this machine, so that pages can be opened without a secure context. Null, with
 * the test skipped, where there is none.
 */
export async function startBrowser(t: Test): Promise<Browser | null> {
  const executablePath = process.env.CHROMIUM || PATHS.find((path) => existsSync(path))
  if (executablePath === undefined) {
    t.pass("no Chromium on this machine: set CHROMIUM to its path", { skip: true })
    return null
  }
  const browser = await chromium.launch({
    executablePath,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      "--host-resolver-rules=MAP * 127.0.0.1",
    ],
  })
  t.teardown(() => browser.close())
  return browser
}

/** A tab of its own. `faults` is what its scripts and policies complained of, across all it opens. */
export type Tab = { context: BrowserContext; page: Page; faults: string[] }

export async function openTab(t: Test, browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 375, height: 700 }, ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const faults: string[] = []
  page.on("pageerror", (err) => faults.push(err.message))
  page.on("console", (message) => {
    // Chromium complains of each page with a status such as 404; whether it is the right one, others test.
    const isStatus =
      message.text().startsWith("Failed to load resource") && message.location().url === page.url()
    if (message.type() === "error" && !isStatus) faults.push(message.text())
  })
  return { context, page, faults }
}
