import { parseArgs } from "node:util"
import { measureOverload } from "./experiments/overload.ts"
import { overloadReport } from "./report/overload-report.ts"

/* The experiment alone: see experiments/overload.ts. */
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, seconds: { type: "string", default: "5" } },
})
const measured = await measureOverload({ rounds: Number(values.rounds), seconds: Number(values.seconds) })
console.log(overloadReport(measured))
