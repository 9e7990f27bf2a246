import { freePort } from "../../../scripts/lib/ports.ts"
import { root, type ServiceName, services } from "../../../scripts/lib/services.ts"
import { startChild } from "./child.ts"
import type { Scope } from "./scope.ts"
import { waitFor } from "./wait.ts"

export type ServiceProcess = {
  readonly pid: number
  /** Base of its public port, "" for one that has none. */
  readonly url: string
  readonly ops: string
  /** Everything it has logged. */
  logs(): string
  waitReady(): Promise<void>
  /** Resolves to its exit code, 0 after a graceful stop. */
  stop(): Promise<number | NodeJS.Signals | null>
  kill9(): Promise<void>
  /** Holds it where it is; its connections stay open. */
  pause(): void
  resume(): void
}

type Options = { waitsReady?: boolean }

/** A process of Qiao on ports of its own, ready when this resolves. Give it DATABASE_URL and REDIS_URL. */
export async function startProcess(
  scope: Scope,
  name: ServiceName,
  env: Record<string, string>,
  { waitsReady = true }: Options = {},
): Promise<ServiceProcess> {
  const service = services[name]
  const opsPort = Number(env[service.opsPort.variable] ?? (await freePort()))
  const ports: Record<string, string> = { [service.opsPort.variable]: String(opsPort) }
  let url = ""
  if ("port" in service) {
    const port = env[service.port.variable] ?? String(await freePort())
    ports[service.port.variable] = port
    url = `http://127.0.0.1:${port}`
  }

  const child = startChild(process.execPath, [`${root}/${service.script}`], {
    cwd: root,
    env: { ...process.env, ...env, ...ports },
  })
  scope.teardown(() => child.stop("SIGKILL"))

  const ops = `http://127.0.0.1:${opsPort}`
  async function waitReady() {
    const ready = async () => child.hasEnded || (await fetch(`${ops}/healthz/ready`)).ok
    await waitFor(`${name} to be ready`, ready, { timeoutMs: 45_000 }).catch((err: unknown) => {
      throw new Error(`${name} does not get ready; its log:\n${child.output()}`, { cause: err })
    })
    if (child.hasEnded) throw new Error(`${name} ended; its log:\n${child.output()}`)
  }
  if (waitsReady) await waitReady()

  return {
    pid: child.pid,
    url,
    ops,
    logs: child.output,
    waitReady,
    stop: () => child.stop(),
    async kill9() {
      await child.stop("SIGKILL")
    },
    pause: child.pause,
    resume: child.resume,
  }
}
