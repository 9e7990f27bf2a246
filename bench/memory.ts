import { parseArgs } from "node:util"
import { measureMemory } from "./experiments/memory.ts"
import { memoryReport } from "./report/memory-report.ts"

/* The experiment alone: see experiments/memory.ts. Ends with 1 where memory grows. */
const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } })
const measured = await measureMemory(Number(values.minutes))
console.log(memoryReport(measured))
const { growth } = measured
if (growth !== null && !(growth.rss.isSteady && growth.heap.isSteady)) process.exitCode = 1
