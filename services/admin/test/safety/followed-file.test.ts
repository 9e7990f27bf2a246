import { readFile, rm, writeFile } from "node:fs/promises"
import t, { type Test } from "tap"
import { followFile } from "../../src/safety/followed-file.ts"
import { listenToLog } from "./support/log.ts"

async function follow(t: Test) {
  const path = `${t.testdir({ file: "one" })}/file`
  const { log, lines } = listenToLog()
  const { signal } = new AbortController()
  let reads = 0
  const read = () => {
    reads++
    return readFile(path, "utf8")
  }
  const file = await followFile(path, read, { log, signal })
  return { path, file, lines, reads: () => reads }
}

t.test("a file is read again once it has changed and come to rest", async (t) => {
  const { path, file, reads } = await follow(t)
  await file.refresh()
  t.equal(reads(), 1, "unchanged")
  for (const text of ["tw", "two"]) {
    await writeFile(path, text)
    await file.refresh()
    t.equal(file.value(), "one", "still being written")
  }
  await file.refresh()
  t.equal(file.value(), "two")
  await file.refresh()
  t.equal(reads(), 2)
})

t.test("a file that is gone is warned of once", async (t) => {
  const { path, file, lines } = await follow(t)
  await rm(path)
  for (let i = 0; i < 5; i++) await file.refresh()
  t.equal(file.value(), "one")
  t.match(lines("warn"), [{ file: path, err: { code: "ENOENT" } }])
  t.equal(lines("warn").length, 1)
})
