import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import t from "tap"
import { syntheticExpiryMs } from "../../packages/core/src/synthetic.ts"
import { root } from "../../scripts/lib/services.ts"
import { startChild } from "./support/child.ts"
import { waitFor } from "./support/wait.ts"

const SECRET = "what these tests sign synthetic visits with"
const folder = await mkdtemp(`${tmpdir()}/qiao-synthetic-`)
t.teardown(() => rm(folder, { recursive: true }))

async function run(args: string[], env: NodeJS.ProcessEnv) {
  const child = startChild(`${root}/scripts/synthetic-header`, args, {
    env: { ...process.env, DATA_DIR: folder, SYNTHETIC_SECRET: "", ...env },
  })
  await waitFor("the script to end", () => child.hasEnded, { timeoutMs: 20_000 })
  return { code: await child.stop(), output: child.output() }
}

/** Hours from now until the printed header expires. */
async function hoursOf(output: string) {
  const value = /^Qiao-Synthetic: (\S+)\n$/.exec(output)?.[1] ?? ""
  return Math.round((syntheticExpiryMs(SECRET, value) - Date.now()) / 3_600_000)
}

t.test("the printed header is good for as many hours as were asked for", async (t) => {
  const env = { SYNTHETIC_SECRET: SECRET }
  t.equal(await hoursOf((await run([], env)).output), 24)
  t.equal(await hoursOf((await run(["1"], env)).output), 1)
  t.equal(await hoursOf((await run(["168"], env)).output), 168)
})

t.test("without SYNTHETIC_SECRET it is signed with that of ./scripts/up, if there is one", async (t) => {
  t.match(await run([], {}), { code: 1, output: /SYNTHETIC_SECRET/ })
  await writeFile(`${folder}/synthetic.secret`, SECRET)
  t.equal(await hoursOf((await run([], {})).output), 24)
})

t.test("other hours than an edge takes are refused", async (t) => {
  for (const args of [["0"], ["169"], ["-1"], ["1.5"], ["a day"], ["1", "2"]]) {
    t.match(await run(args, { SYNTHETIC_SECRET: SECRET }), { code: 1, output: /usage/ }, args.join(" "))
  }
})
