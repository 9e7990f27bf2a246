import { rename, rm, writeFile } from "node:fs/promises"
import { ConfigError } from "@qiao/core/env.ts"
import t, { type Test } from "tap"
import { waitFor } from "../../../test/support/wait.ts"
import { createSafety, type SafetyOptions } from "../../src/safety/safety.ts"
import { listenToLog } from "./support/log.ts"

const noOwnHost = () => false

async function open(t: Test, options: Partial<SafetyOptions> = {}) {
  const { log, lines } = listenToLog()
  const safety = await createSafety({
    blocklistFiles: [],
    blocklistExcept: [],
    blocklistEntriesMax: 1_000,
    shortenersFile: null,
    allowPrivate: false,
    reloadMs: 10,
    seed: 7,
    log,
    ...options,
  })
  t.teardown(() => safety.close())
  const codeOf = (url: string) => safety.faultOf(url, noOwnHost)?.code
  return { safety, codeOf, lines }
}

t.test("each fault has its code and names what is wrong", async (t) => {
  const folder = t.testdir({ "feed.txt": "evil.example\n" })
  const { safety } = await open(t, { blocklistFiles: [`${folder}/feed.txt`] })
  const isOwnHost = (host: string) => host === "s.example.com"
  const faults: [string, string, RegExp][] = [
    ["https://s.example.com/k7Qm2xZ", "own_domain", /s\.example\.com/],
    ["https://s.example.com./k7Qm2xZ", "own_domain", /s\.example\.com/],
    ["http://127.0.0.1/", "private_address", /127\.0\.0\.1/],
    ["http://intranet/", "private_address", /intranet/],
    ["https://bit.ly/abc", "shortener", /bit\.ly/],
    ["https://www.bit.ly./abc", "shortener", /bit\.ly/],
    ["https://www.evil.example/", "blocklisted", /www\.evil\.example.*feed\.txt/],
  ]
  for (const [url, code, detail] of faults) t.match(safety.faultOf(url, isOwnHost), { code, detail }, url)
  t.equal(safety.faultOf("https://shop.example.com/spring", isOwnHost), null)
})

t.test("the development switch allows private addresses and nothing else", async (t) => {
  const { codeOf } = await open(t, { allowPrivate: true })
  t.equal(codeOf("http://localhost:3000/"), undefined)
  t.equal(codeOf("https://bit.ly/abc"), "shortener")
})

t.test("hosts taken out are never refused because of a feed", async (t) => {
  const folder = t.testdir({ feed: "shop.example\nhttp://www.shop.example/x\nevil.example\n" })
  const { codeOf } = await open(t, { blocklistFiles: [`${folder}/feed`], blocklistExcept: ["shop.example"] })
  t.equal(codeOf("https://shop.example/"), undefined)
  t.equal(codeOf("https://www.shop.example/x"), undefined)
  t.equal(codeOf("https://evil.example/"), "blocklisted")
})

t.test("a file that is missing or something else at the start is an error that names it", async (t) => {
  const folder = t.testdir({ page: "<html>\n<p>\n" })
  const wrong: Partial<SafetyOptions>[] = [
    { blocklistFiles: [`${folder}/page`] },
    { blocklistFiles: [`${folder}/missing`] },
    { shortenersFile: `${folder}/missing` },
  ]
  for (const options of wrong) {
    const err = await open(t, options).catch((err) => err)
    t.ok(err instanceof ConfigError)
    t.match(err.message, options.shortenersFile ?? options.blocklistFiles?.[0])
  }
})

t.test("a changed file is in force soon, however it is changed; the others stay as they are", async (t) => {
  const folder = t.testdir({ one: "a.example\n", two: "b.example\n", shorteners: "" })
  const files = { blocklistFiles: [`${folder}/one`, `${folder}/two`], shortenersFile: `${folder}/shorteners` }
  const { codeOf, lines } = await open(t, files)
  await writeFile(`${folder}/one`, "c.example\n")
  await waitFor("the rewritten feed", () => codeOf("http://c.example/") === "blocklisted")
  t.equal(codeOf("http://a.example/"), undefined)
  t.equal(codeOf("http://b.example/"), "blocklisted")
  await writeFile(`${folder}/next`, "d.example\n")
  await rename(`${folder}/next`, `${folder}/one`)
  await waitFor("the replaced feed", () => codeOf("http://d.example/") === "blocklisted")
  await writeFile(`${folder}/shorteners`, "go.example\n")
  await waitFor("the rewritten shorteners", () => codeOf("http://go.example/") === "shortener")
  t.equal(
    lines("info").filter(({ file }) => file === files.blocklistFiles[1]).length,
    1,
    "an unchanged file is read once",
  )
})

t.test(
  "a file that is gone or something else stays in force as it was, with a warning, until it is usable",
  async (t) => {
    const folder = t.testdir({
      feed: "a.example\n",
      page: "<html>\n<p>502 Bad gateway\n",
      next: "b.example\n",
    })
    const file = `${folder}/feed`
    const { codeOf, lines } = await open(t, { blocklistFiles: [file] })
    await rm(file)
    await waitFor("a warning that it is gone", () => lines("warn").length === 1)
    t.equal(codeOf("http://a.example/"), "blocklisted")
    await rename(`${folder}/page`, file)
    await waitFor("a warning that it is something else", () => lines("warn").length === 2)
    t.equal(codeOf("http://a.example/"), "blocklisted")
    await rename(`${folder}/next`, file)
    await waitFor("the new list", () => codeOf("http://b.example/") === "blocklisted")
    t.equal(codeOf("http://a.example/"), undefined)
    for (const line of lines("warn")) t.match(line, { file })
  },
)

t.test("all files together keep to the bound, and what is left out is told", async (t) => {
  const folder = t.testdir({ one: "a.example\nb.example\n", two: "c.example\nd.example\n<b>\n" })
  const blocklistFiles = [`${folder}/one`, `${folder}/two`]
  const { codeOf, lines } = await open(t, { blocklistFiles, blocklistEntriesMax: 3 })
  t.equal(codeOf("http://c.example/"), "blocklisted")
  t.equal(codeOf("http://d.example/"), undefined)
  t.match(lines("warn"), [
    { file: blocklistFiles[1], unreadable: 1, firstUnreadable: 3 },
    { file: blocklistFiles[1], entries: 1, dropped: 1 },
  ])
  await writeFile(`${folder}/one`, "a.example\n")
  await waitFor("room", () => codeOf("http://b.example/") === undefined)
  await writeFile(`${folder}/two`, "c.example\nd.example\n")
  await waitFor("the entry that had no room", () => codeOf("http://d.example/") === "blocklisted")
})
