import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"
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
