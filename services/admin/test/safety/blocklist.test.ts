import { writeFile } from "node:fs/promises"
import t from "tap"
import { openBlocklist } from "../../src/safety/blocklist.ts"
import { listenToLog } from "./support/log.ts"

t.test("a reload that is under way ends at once when it is told to, without a warning", async (t) => {
  const file = `${t.testdir({ feed: "a.example\n" })}/feed`
  const { log, lines } = listenToLog()
  const closing = new AbortController()
  const blocklist = await openBlocklist({
    files: [file],
    entriesMax: 1_000_000,
    seed: 7,
    log,
    signal: closing.signal,
  })
  await writeFile(file, Array.from({ length: 1_000_000 }, (_, i) => `${i}.example`).join("\n"))
  await blocklist.refresh()
  const reload = blocklist.refresh()
  closing.abort()
  await reload
  t.equal(blocklist.fileListing(new URL("http://a.example/")), file, "what was read last stays in force")
  t.equal(lines("info").length, 1)
  t.same(lines("warn"), [])
})

t.test("a file for which there is no room at all is left out, and that is told", async (t) => {
  const folder = t.testdir({ one: "a.example\n", two: "b.example\n" })
  const files = [`${folder}/one`, `${folder}/two`]
  const { log, lines } = listenToLog()
  const { signal } = new AbortController()
  const blocklist = await openBlocklist({ files, entriesMax: 1, seed: 7, log, signal })
  t.equal(blocklist.fileListing(new URL("http://a.example/")), files[0])
  t.equal(blocklist.fileListing(new URL("http://b.example/")), null)
  t.match(lines("warn"), [{ file: files[1], entries: 0, dropped: 1 }])
})
