import { execFileSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { appendFile, mkdir, readdir, readFile, rm, rmdir, stat, truncate, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import pino from "pino"
import t, { type Test } from "tap"
import { startChild } from "../../test/support/child.ts"
import { waitFor } from "../../test/support/wait.ts"
import { createSpill, type Spill } from "../src/spill.ts"
import { encodeFrame, type SealedBatch } from "../src/spill-frame.ts"
import { newFolder } from "./support/folder.ts"

const HOLDER = fileURLToPath(new URL("support/spill-holder.ts", import.meta.url))
const STARVED = fileURLToPath(new URL("support/spill-starved.ts", import.meta.url))
const log = pino({ level: process.env.TEST_LOG ?? "silent" })

const batch = (i: number, bytes = 100): SealedBatch => ({
  sealed: `batch ${i} `.padEnd(bytes, "x"),
  visits: 10,
  partition: i % 4,
})
const batches = (from: number, to: number, bytes?: number) =>
  Array.from({ length: to - from }, (_, i) => batch(from + i, bytes))

function newSpill(t: Test, folder: string, bytesMax = 2 ** 30): Spill {
  const spill = createSpill({ folder, bytesMax, newId: randomUUID, log })
  t.teardown(() => spill.close())
  return spill
}

const isOpen = (spill: Spill) => waitFor("the folder", () => spill.counters.isOpen, { timeoutMs: 5_000 })

async function openSpill(t: Test, folder: string, bytesMax?: number): Promise<Spill> {
  const spill = newSpill(t, folder, bytesMax)
  await isOpen(spill)
  return spill
}

/** Takes all of them, however many at a time it likes. */
async function appendAll(spill: Spill, all: SealedBatch[]): Promise<void> {
  for (let done = 0; done < all.length; ) {
    const taken = await spill.append(all.slice(done))
    if (taken === 0) throw new Error("the spill takes no more")
    done += taken
  }
}

/** Acknowledges up to so many. */
async function drain(spill: Spill, max = Number.POSITIVE_INFINITY) {
  const drained: (SealedBatch & { isOwn: boolean })[] = []
  while (drained.length < max) {
    const next = await spill.peek()
    if (next === null) break
    drained.push({ ...next, sealed: next.sealed.toString() })
    spill.acknowledge()
  }
  return drained
}

const segmentsIn = async (folder: string) =>
  (await readdir(folder)).filter((file) => !file.endsWith(".sock")).sort()

t.test("what it took comes back as it was, oldest first, and is then gone from the disk", async (t) => {
  const folder = await newFolder(t)
  const spill = await openSpill(t, folder)
  const written = batches(0, 50)
  t.equal(await spill.append(written.slice(0, 30)), 30)
  t.equal(await spill.append(written.slice(30)), 20)
  t.match(spill.counters, { visits: 500, segments: 1 })
  t.equal(spill.counters.bytes, Buffer.concat(written.map(encodeFrame)).length)
  t.same(
    await drain(spill),
    written.map((one) => ({ ...one, isOwn: true })),
  )
  t.same(await segmentsIn(folder), [])
  t.match(spill.counters, { visits: 0, bytes: 0, segments: 0, lostVisits: 0, failures: 0 })
})

t.test("what lies in a worker's folder is taken over as soon as no worker has it", async (t) => {
  const folder = await newFolder(t)
  const worker = await openSpill(t, `${folder}/worker-1`)
  await appendAll(worker, batches(0, 3))
  const spill = await openSpill(t, folder)
  await appendAll(spill, batches(3, 5))
  t.equal((await drain(spill, 1)).length, 1)
  t.equal(worker.counters.isOpen, true)
  t.same(await segmentsIn(`${folder}/worker-1`), ["000000000001.segment"])

  await worker.close()
  await waitFor("the segment", () => spill.counters.segments === 2, { timeoutMs: 5_000 })
  await appendAll(spill, batches(5, 6))
  const taken = (await drain(spill)).map(({ sealed, isOwn }) => [String(sealed).split(" ")[1], isOwn])
  t.same(taken, [
    ["4", true],
    ["0", false],
    ["1", false],
    ["2", false],
    ["5", true],
  ])
  t.same(await segmentsIn(folder), [])
  t.match(spill.counters, { visits: 0, bytes: 0, failures: 0 })
})

t.test("a worker's folder that cannot be used keeps no other from being taken over", async (t) => {
  const folder = await newFolder(t)
  const worker = await openSpill(t, `${folder}/worker-2`)
  await appendAll(worker, batches(0, 3))
  await worker.close()
  await writeFile(`${folder}/worker-1`, "no folder")
  const spill = await openSpill(t, folder)
  await waitFor("the segment", () => spill.counters.segments === 1, { timeoutMs: 5_000 })
  t.equal((await drain(spill)).length, 3)
})

t.test(
  "what it took comes back in the next process, but for what was acknowledged with its segment",
  async (t) => {
    const folder = await newFolder(t)
    const former = await openSpill(t, folder)
    const written = batches(0, 300, 30_000)
    await appendAll(former, written)
    t.ok((await segmentsIn(folder)).length > 3, "in several files")
    const acknowledged = (await drain(former, 100)).length
    await former.close()
    t.equal(await former.append(batches(0, 1)), 0, "closed it takes nothing")
    t.equal(await former.peek(), null)

    const spill = await openSpill(t, folder)
    t.match(spill.counters, { visits: 0, segments: (await segmentsIn(folder)).length })
    await appendAll(spill, batches(300, 310))
    const rest = await drain(spill)
    const again = acknowledged + rest.length - 310
    t.ok(again >= 0 && again < 70, `at most one segment comes again: ${again} batches`)
    t.same(
      rest,
      [...written, ...batches(300, 310)]
        .slice(acknowledged - again)
        .map((one, i) => ({ ...one, isOwn: i + acknowledged - again >= 300 })),
    )
    t.same(await segmentsIn(folder), [])
    t.equal(spill.counters.bytes, 0)
  },
)

t.test("while it is read it can be written, and nothing is lost or out of order", async (t) => {
  const spill = await openSpill(t, await newFolder(t))
  const written = batches(0, 400, 5_000)
  const writing = (async () => {
    for (let i = 0; i < written.length; i += 4) await appendAll(spill, written.slice(i, i + 4))
  })()
  const read: string[] = []
  while (read.length < written.length) {
    read.push(...(await drain(spill)).map(({ sealed }) => String(sealed)))
    await new Promise(setImmediate)
  }
  await writing
  t.same(
    read,
    written.map(({ sealed }) => sealed),
  )
})

t.test("nobody else can read it", async (t) => {
  const folder = `${await newFolder(t)}/deep/down`
  const spill = await openSpill(t, folder)
  await spill.append(batches(0, 1))
  t.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const file of await segmentsIn(folder)) t.equal((await stat(`${folder}/${file}`)).mode & 0o777, 0o600)
})

t.test("a torn tail is cut and counted, wherever it is torn, and the rest comes back", async (t) => {
  const frame = encodeFrame(batch(2))
  for (let kept = 1; kept < frame.length; kept += 9) {
    const folder = await newFolder(t)
    const former = await openSpill(t, folder)
    await former.append(batches(0, 2))
    await former.close()
    const [file = ""] = await segmentsIn(folder)
    await appendFile(`${folder}/${file}`, frame.subarray(0, kept))
    const spill = await openSpill(t, folder)
    await spill.append(batches(3, 4))
    t.same(
      (await drain(spill)).map(({ sealed }) => sealed),
      [...batches(0, 2), batch(3)].map(({ sealed }) => sealed),
    )
    t.match(spill.counters, { tornTails: 1, corruptSegments: 0, lostVisits: 0, bytes: 0 })
    t.same(await segmentsIn(folder), [])
  }
})

t.test(
  "what follows a corrupt frame is not trusted: counted, and kept aside with all that is in it",
  async (t) => {
    const folder = await newFolder(t)
    const former = await openSpill(t, folder)
    await former.append(batches(0, 5))
    await former.close()
    const [file = ""] = await segmentsIn(folder)
    const bytes = await readFile(`${folder}/${file}`)
    const corrupt = Buffer.from(bytes.toString("latin1").replace("batch 2", "match 2"), "latin1")
    await writeFile(`${folder}/${file}`, corrupt)

    const spill = await openSpill(t, folder)
    await spill.append(batches(5, 7))
    t.same(
      (await drain(spill)).map(({ sealed }) => sealed),
      [batch(0), batch(1), batch(5), batch(6)].map(({ sealed }) => sealed),
    )
    t.match(spill.counters, { tornTails: 0, corruptSegments: 1, bytes: bytes.length })
    t.same(await segmentsIn(folder), [`${file}.corrupt`])
    t.same(await readFile(`${folder}/${file}.corrupt`), corrupt)
    await spill.close()

    const next = await openSpill(t, folder)
    t.match(
      next.counters,
      { bytes: bytes.length, segments: 0 },
      "it takes of the room, and is not read again",
    )
    await next.append(batches(7, 8))
    t.equal((await segmentsIn(folder)).length, 2, "and keeps its number for itself")
  },
)

t.test(
  "visits of this process that cannot be read again are counted, and the others come back",
  async (t) => {
    const folder = await newFolder(t)
    const spill = await openSpill(t, folder)
    const written = batches(0, 250, 30_000)
    await appendAll(spill, written)
    const [cut = "", removed = "", ...others] = await segmentsIn(folder)
    t.ok(others.length >= 1)
    await truncate(`${folder}/${cut}`, 50_000)
    await rm(`${folder}/${removed}`)
    const read = await drain(spill)
    t.equal(read[0]?.sealed, batch(0, 30_000).sealed)
    t.equal(read.at(-1)?.sealed, batch(249, 30_000).sealed)
    t.match(spill.counters, { visits: 0, lostVisits: 2_500 - read.length * 10, bytes: 0, segments: 0 })
    t.ok(spill.counters.lostVisits > 0)
  },
)

t.test(
  "there are never more bytes in the folder than allowed, and room that is free again is used",
  async (t) => {
    const folder = await newFolder(t)
    const frameBytes = encodeFrame(batch(0, 30_000)).length
    const spill = await openSpill(t, folder, 100 * frameBytes + 10)
    const written = batches(0, 150, 30_000)
    await t.rejects(appendAll(spill, written))
    t.equal(spill.counters.bytes, 100 * frameBytes)
    t.equal(spill.counters.visits, 1_000)
    t.equal(spill.counters.failures, 0)
    const read = await drain(spill, 80)
    const taken = await spill.append(written.slice(100))
    t.ok(taken > 0)
    read.push(...(await drain(spill)))
    t.same(
      read.map(({ sealed }) => sealed),
      written.slice(0, 100 + taken).map(({ sealed }) => sealed),
    )
  },
)

t.test("a folder may lie deep down, if the process runs near it", async (t) => {
  const deep = `${await newFolder(t)}/${"deep/".repeat(20)}down`
  await mkdir(deep, { recursive: true })
  const child = startChild(process.execPath, [HOLDER, `${deep}/spill`], { cwd: deep })
  t.teardown(() => child.stop("SIGKILL"))
  await waitFor("a batch", () => child.output().includes("spilled"), { timeoutMs: 10_000 })
  const far = newSpill(t, `${deep}/spill`)
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(await far.append(batches(0, 1)), 0, "from afar it takes nothing")
})

t.test("a folder that cannot be made takes nothing, hurts nobody, and is tried again", async (t) => {
  const folder = `${await newFolder(t)}/spill`
  await writeFile(folder, "in the way")
  const spill = newSpill(t, folder)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(await spill.append(batches(0, 3)), 0)
  t.equal(await spill.peek(), null)
  t.match(spill.counters, { isOpen: false, visits: 0, segments: 0 })
  await rm(folder)
  await isOpen(spill)
  t.equal(await spill.append(batches(0, 3)), 3)
})

t.test("a try for the folder that failed half-way is no other process to the next one", async (t) => {
  const folder = await newFolder(t)
  const inTheWay = `${folder}/lock-of-nobody.sock`
  await mkdir(inTheWay)
  const spill = newSpill(t, folder)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.notOk(spill.counters.isOpen)
  t.same(await readdir(folder), ["lock-of-nobody.sock"], "its own socket is gone")
  await rmdir(inTheWay)
  await isOpen(spill)
})

t.test("what cannot be read for want of file descriptors is read when there are some", async (t) => {
  const folder = await newFolder(t)
  const former = await openSpill(t, folder)
  await former.append([{ ...batch(0), sealed: "batch 0" }])
  await former.close()
  const starve = 'ulimit -n 60 && exec "$0" "$@"'
  const child = startChild("sh", ["-c", starve, process.execPath, STARVED, folder])
  t.teardown(() => child.stop("SIGKILL"))
  await waitFor("its end", () => child.output().includes("end"), { timeoutMs: 10_000 })
  t.match(child.output(), /starved: nothing, 0 corrupt\nfed: batch 0, 0 corrupt\n/)
})

t.test("a folder that is taken away takes nothing more, and counts it", async (t) => {
  const folder = await newFolder(t)
  const spill = await openSpill(t, folder)
  await rm(folder, { recursive: true })
  t.equal(await spill.append(batches(0, 3)), 0)
  t.match(spill.counters, { failures: 1, visits: 0, bytes: 0, segments: 0 })
  await mkdir(folder)
  t.equal(await spill.append(batches(0, 3)), 3)
})

t.test("a full disk takes what fits, counts what does not, and loses nothing that it took", async (t) => {
  const folder = await newFolder(t)
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], { stdio: "ignore" })
  } catch {
    t.comment("skipped: no right to mount a small disk")
    return
  }
  t.teardown(() => execFileSync("umount", [folder]))
  const spill = newSpill(t, folder)
  t.teardown(() => spill.close())
  await isOpen(spill)
  const written = batches(0, 100, 10_000)
  let taken = 0
  for (; taken < written.length; taken++) {
    if ((await spill.append(written.slice(taken, taken + 1))) === 0) break
  }
  t.ok(taken > 5 && taken < written.length, `took ${taken}`)
  for (let i = 0; i < 20; i++) t.equal(await spill.append(written.slice(taken, taken + 10)), 0)
  t.match(spill.counters, { failures: 21, visits: taken * 10, lostVisits: 0 })
  t.ok((await segmentsIn(folder)).length <= 2, "what failed leaves no files")
  const read = await drain(spill)
  t.same(
    read.map(({ sealed }) => sealed),
    written.slice(0, taken).map(({ sealed }) => sealed),
  )
  t.equal(await spill.append(written.slice(taken, taken + 2)), 2, "with room again it goes on")
  t.match(spill.counters, { tornTails: 0, corruptSegments: 0 })
})

t.test("a folder belongs to one process; the next gets it when that one lets go", async (t) => {
  const folder = await newFolder(t)
  const first = await openSpill(t, folder)
  await first.append(batches(0, 3))
  const second = newSpill(t, folder)
  const third = newSpill(t, folder)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.equal(await second.append(batches(3, 6)), 0)
  t.match([second.counters, third.counters], [{ isOpen: false }, { isOpen: false }])
  await first.close()
  await waitFor("a successor", () => second.counters.isOpen || third.counters.isOpen, { timeoutMs: 5_000 })
  const [successor, other] = second.counters.isOpen ? [second, third] : [third, second]
  t.same(
    (await drain(successor)).map(({ sealed, isOwn }) => [sealed, isOwn]),
    batches(0, 3).map(({ sealed }) => [sealed, false]),
  )
  t.notOk(other.counters.isOpen)
})

t.test("of many that come at once, with sockets of dead ones about, never two have the folder", async (t) => {
  for (let round = 0; round < 5; round++) {
    const folder = await newFolder(t)
    const dead = startChild(process.execPath, [HOLDER, folder])
    await waitFor("the first one", () => dead.output().includes("spilled"), { timeoutMs: 10_000 })
    await dead.stop("SIGKILL")
    t.ok((await readdir(folder)).some((file) => file.endsWith(".sock")))
    const spills = Array.from({ length: 8 }, () => newSpill(t, folder))
    const holders = () => spills.filter(({ counters }) => counters.isOpen).length
    const deadline = performance.now() + 10_000
    while (holders() === 0 && performance.now() < deadline) await new Promise(setImmediate)
    for (let i = 0; i < 50; i++) {
      if (holders() !== 1) return t.fail(`${holders()} have the folder`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await Promise.all(spills.map((spill) => spill.close()))
  }
})

t.test(
  "killed in the middle of writing, a process leaves everything that it was told is on the disk",
  async (t) => {
    const folder = await newFolder(t)
    for (let round = 0; round < 5; round++) {
      const child = startChild(process.execPath, [HOLDER, folder])
      await waitFor("some batches", () => child.output().includes(`spilled ${20 + round * 7}\n`), {
        timeoutMs: 20_000,
      })
      await child.stop("SIGKILL")
      const told = child.output().match(/spilled \d+\n/g)?.length ?? 0
      const spill = await openSpill(t, folder)
      const read = (await drain(spill)).map(({ sealed }) => Number(/^batch (\d+)/.exec(String(sealed))?.[1]))
      t.ok(read.length >= told, `${read.length} of ${told} came back`)
      t.same(
        read,
        read.map((_, i) => i),
      )
      t.match(spill.counters, { corruptSegments: 0 })
      await spill.close()
    }
  },
)
