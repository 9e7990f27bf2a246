import { readFileSync } from "node:fs"
import { cpus, release, totalmem } from "node:os"
import { run } from "../../scripts/lib/run.ts"
import { root } from "../../scripts/lib/services.ts"
import { withBench } from "../lib/bench.ts"
import { isPinned } from "../lib/cores.ts"
import { loadGenerator } from "../load/load.ts"
import { hasNginxLua } from "../servers/nginx.ts"
import { startRedis } from "../servers/stores.ts"

export type Machine = {
  commit: string
  cpu: string
  cores: number
  kernel: string
  memoryGb: number
  versions: Record<string, string>
  loadGenerator: string
  isPinned: boolean
  hasNginxLua: boolean
}

/** What a result depends on beside the code. */
export async function describeMachine(): Promise<Machine> {
  const cores = cpus()
  return {
    commit: await commit(),
    cpu: cores[0]?.model ?? "",
    cores: cores.length,
    kernel: release(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    versions: {
      node: process.versions.node,
      fastify: versionOfPackage("fastify"),
      ...(await redisVersions()),
      nginx: await firstMatch("nginx -v 2>&1", /nginx\/([\d.]+)/),
      wrk: await firstMatch("wrk -v; true", /wrk (?:debian\/)?([\d.]+)/),
    },
    loadGenerator,
    isPinned,
    hasNginxLua,
  }
}

/** And whether there are changes that are in no commit, beside results of other benches. */
async function commit(): Promise<string> {
  const short = await run("git", ["rev-parse", "--short", "HEAD"], { cwd: root }).catch(() => "unknown")
  const elsewhere = ["--", ".", ":!bench/results"]
  const changes = await run("git", ["status", "--porcelain", ...elsewhere], { cwd: root }).catch(() => "")
  return changes === "" ? short.trim() : `${short.trim()}-dirty`
}

function versionOfPackage(name: string): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(`${root}/node_modules/${name}/package.json`, "utf8"),
  )
  return manifest.version
}

/** Of the one that is measured with. Valkey says both, its own and of which Redis it does the same. */
function redisVersions(): Promise<Record<string, string>> {
  return withBench(async (bench) => {
    const { client } = await startRedis(bench)
    const said = (await client.info("server")).matchAll(/^(redis|valkey)_version:(\S+)/gm)
    return Object.fromEntries([...said].map(([, name = "", version = ""]) => [name, version]))
  })
}

async function firstMatch(shellCommand: string, pattern: RegExp): Promise<string> {
  const printed = await run("sh", ["-c", shellCommand]).catch(() => "")
  return pattern.exec(printed)?.[1] ?? "absent"
}
