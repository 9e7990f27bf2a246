import { randomUUID } from "node:crypto"
import pino from "pino"
import { createSpill } from "../../src/spill.ts"

/** A process that spills batches until it is killed, and says which are on the disk. */
const spill = createSpill({
  folder: process.argv[2] ?? "",
  bytesMax: 2 ** 30,
  newId: randomUUID,
  log: pino({ level: "silent" }),
})
for (let i = 0; ; ) {
  const taken = await spill.append([{ sealed: `batch ${i} ${"x".repeat(20_000)}`, visits: 1, partition: 0 }])
  if (taken === 1) console.log(`spilled ${i++}`)
  else await new Promise((resolve) => setTimeout(resolve, 10))
}
