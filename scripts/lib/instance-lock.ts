import { readFile, rm, writeFile } from "node:fs/promises"
import { readJson, writePrivately } from "./files.ts"
import { PlainError } from "./plain-error.ts"
import { commandOf, endProcess } from "./processes.ts"
import type { Supervised } from "./supervisor.ts"

/** One `up` a folder: refuses while another one runs there. */
export async function takeFolder(folder: string) {
  const lock = `${folder}/up.pid`
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: "wx" })
      return { release: () => rm(lock, { force: true }) }
    } catch (err) {
      if (!String(err).includes("EEXIST")) throw err
    }
    const pid = Number(await readFile(lock, "utf8").catch(() => ""))
    if (pid && pid !== process.pid && (await commandOf(pid)).includes("scripts/up.ts")) {
      throw new PlainError(
        `it already runs on ${folder} (process ${pid}): stop that one with kill ${pid}, ` +
          "or choose another folder with DATA_DIR",
      )
    }
    await rm(lock, { force: true })
  }
}

type Noted = { pid: number; args: string }

/** Notes what runs, so that a killed `up` leaves nothing behind that the next one cannot find. */
export async function noteRunning(folder: string, running: Supervised[]) {
  const noted = running.flatMap(({ pid, program }) => (pid ? [{ pid, args: program.args.join(" ") }] : []))
  await writePrivately(`${folder}/running.json`, JSON.stringify(noted))
}

/** Ends what a killed `up` left running; Postgres and Redis, which were noted first, come last. */
export async function endLeftovers(folder: string, say: (line: string) => void) {
  const noted = await readJson(`${folder}/running.json`)
  for (const { pid, args } of Array.isArray(noted) ? noted.filter(isNoted).reverse() : []) {
    if (!(await commandOf(pid)).includes(args)) continue
    say(`Stopping process ${pid}, left over from a run that was killed`)
    await endProcess(pid, args.startsWith("-D ") ? "SIGINT" : "SIGTERM")
  }
}

function isNoted(value: unknown): value is Noted {
  return typeof value === "object" && value !== null && "pid" in value && "args" in value
}
