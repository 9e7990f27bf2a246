import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { localPostgres } from "../../../scripts/lib/local-postgres.ts"
import { freePort } from "../../../scripts/lib/ports.ts"
import { type Child, startChild } from "./child.ts"
import type { Scope } from "./scope.ts"
import { waitFor } from "./wait.ts"

export type TestPostgres = {
  readonly url: string
  /** SIGINT ends its sessions and writes everything out, SIGQUIT is a crash; `start` brings it back. */
  stop(signal: "SIGINT" | "SIGQUIT"): Promise<void>
  start(): Promise<void>
}

/** A server that a test may end: that of DATABASE_URL is everybody's. It keeps its promises, fsync included. */
export async function startPostgres(scope: Scope): Promise<TestPostgres> {
  const folder = await mkdtemp(`${tmpdir()}/qiao-postgres-`)
  await chmod(folder, 0o755) // it may run under its own account
  scope.teardown(() => rm(folder, { recursive: true, force: true }))
  const { program, url, answers } = await localPostgres({
    folder: `${folder}/data`,
    port: await freePort(),
    password: "test",
    say: (line) => scope.comment(line),
  })
  let child: Child | undefined
  const stop = async (signal: "SIGINT" | "SIGQUIT") => {
    await child?.stop(signal)
  }
  const start = async () => {
    await program.prepare?.()
    const started = startChild(program.command, program.args, { cwd: program.cwd, ...program.account })
    child = started
    await waitFor("Postgres to answer", () => started.hasEnded || answers(), { timeoutMs: 60_000 })
    if (started.hasEnded) throw new Error(`postgres ended:\n${started.output()}`)
  }
  scope.teardown(() => stop("SIGQUIT"))
  await start()
  return { url: url("postgres"), stop, start }
}
