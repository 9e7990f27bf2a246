import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { globSync } from "node:fs"
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname } from "node:path"
import { newCrew } from "./lib/crew.ts"
import { endLeftovers } from "./lib/instance-lock.ts"
import { localPostgres } from "./lib/local-postgres.ts"
import { report } from "./lib/plain-error.ts"
import { freePort } from "./lib/ports.ts"
import { redisServer } from "./lib/redis-server.ts"
import { root } from "./lib/services.ts"
import { type Counts, countTests } from "./lib/test-results.ts"

/*
 * Checks types, style and imports, then runs tap over everything against a PostgreSQL that lives for this
 * run. The last line is the count. Given test files, it runs only those.
 */

const say = (line: string) => console.log(line)
const files = process.argv.slice(2)

let current: ChildProcess | undefined
const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    stopping.abort()
    endGroup(signal)
  })
}

const exitCode = await test().catch((err: unknown) => {
  report(err)
  return conclude({ passed: 0, failed: 1, skipped: 0 })
})
process.exit(exitCode)

async function test() {
  if (files.length === 0 && (await call("pnpm", ["--silent", "check"])) !== 0) {
    return conclude({ passed: 0, failed: 1, skipped: 0 })
  }
  const temp = await mkdtemp(`${tmpdir()}/qiao-test-`)
  await chmod(temp, 0o755) // Postgres may run under its own account
  const crew = newCrew({ folder: temp, say, onChange: async () => undefined })
  try {
    const databaseUrl = process.env.DATABASE_URL || (await startPostgres(temp, crew))
    if (!process.env.REDIS_URL) await redisServer(say)
    return await runTap(temp, databaseUrl)
  } finally {
    await crew.stop()
    for (const noted of globSync("*/**/running.json", { cwd: temp })) {
      await endLeftovers(dirname(`${temp}/${noted}`), say)
    }
    await rm(temp, { recursive: true, force: true })
  }
}

/** Nothing here has to survive a power cut. */
async function startPostgres(temp: string, crew: ReturnType<typeof newCrew>) {
  const postgres = await localPostgres({
    folder: `${temp}/postgres`,
    port: await freePort(),
    password: "test",
    settings: ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"],
    say,
  })
  await crew.untilReady(await crew.start(postgres.program), postgres.answers)
  return postgres.url("postgres")
}

async function runTap(temp: string, databaseUrl: string) {
  const results = `${temp}/results.tap`
  // Told that this is no terminal, the reporter draws nothing that moves.
  const still = process.stdout.isTTY ? {} : { CI: "true" }
  const env = { ...process.env, ...still, DATABASE_URL: databaseUrl, TMPDIR: temp }
  const args = ["--reporter=base", `--output-file=${results}`, ...files]
  const exitCode = await call("node_modules/.bin/tap", args, env)
  const counts = countTests(await readFile(results, "utf8").catch(() => ""))
  const failed = exitCode === 0 ? counts.failed : Math.max(counts.failed, 1)
  return conclude({ ...counts, failed })
}

/** Says the last line and gives the exit code; a run without a test has proved nothing. */
function conclude({ passed, failed, skipped }: Counts) {
  say(passed + failed === 0 ? "\nNo test ran." : "")
  say(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`)
  return failed === 0 && passed > 0 ? 0 : 1
}

/** The command leads a process group, so that whatever a test left running ends with it. */
async function call(command: string, args: string[], env = process.env) {
  if (stopping.signal.aborted) return 1
  current = spawn(command, args, { cwd: root, env, stdio: "inherit", detached: true })
  const [code] = await once(current, "exit")
  endGroup("SIGKILL")
  current = undefined
  return code ?? 1
}

function endGroup(signal: NodeJS.Signals) {
  try {
    if (current?.pid) process.kill(-current.pid, signal)
  } catch {
    // All of it has ended.
  }
}
