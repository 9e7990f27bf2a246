import { randomUUID } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import pino from "pino"
import { createSpill } from "../../src/spill.ts"

/** A process that reads a spill while it has no file descriptor left, and once more when it has some. */
const spill = createSpill({
  folder: process.argv[2] ?? "",
  bytesMax: 2 ** 30,
  newId: randomUUID,
  log: pino({ level: "silent" }),
})
while (!spill.counters.isOpen) await new Promise((resolve) => setTimeout(resolve, 10))
const handles: FileHandle[] = []
const takeOne = async () => handles.push(await open("/dev/null"))
while (await takeOne().catch(() => 0));
const tell = async (name: string) => {
  const batch = await spill.peek()
  console.log(`${name}: ${batch?.sealed.toString() ?? "nothing"}, ${spill.counters.corruptSegments} corrupt`)
}
await tell("starved")
for (const handle of handles) await handle.close()
await tell("fed")
console.log("end")
