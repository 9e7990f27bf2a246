import t from "tap"
import { run } from "../../../scripts/lib/run.ts"

t.test("the tick object that is kept has the shape of those after a garbage collection", async (t) => {
  const source = new URL("../src/tick-object.ts", import.meta.url)
  const script = `
    import { executionAsyncResource } from "node:async_hooks"
    import { setImmediate } from "node:timers/promises"
    const { tickObject } = await import("${source}")
    await setImmediate()
    gc()
    process.nextTick(() => console.log(%HaveSameMap(tickObject, executionAsyncResource())))`
  const flags = ["--expose-gc", "--allow-natives-syntax", "--input-type=module"]
  t.equal(await run(process.execPath, [...flags, "--eval", script]), "true\n")
})
