import { PlainError } from "./plain-error.ts"
import { run, succeeds } from "./run.ts"

const oldestMajor = 7
const names = ["redis-server", "valkey-server"]

/** The command of a Redis or Valkey server; installs one by the system's packages when there is none. */
export async function redisServer(say: (line: string) => void) {
  const found = (await findServer()) ?? (await install(say))
  if (found.major >= oldestMajor) return found.command
  throw new PlainError(
    `${found.command} is version ${found.major}, but ${oldestMajor} or newer is needed: ` +
      "install a newer redis-server or valkey-server, or set REDIS_URL to one that runs",
  )
}

async function findServer() {
  const servers = await Promise.all(names.map(versionOf))
  return servers
    .filter((server) => server !== undefined)
    .sort((a, b) => b.major - a.major)
    .at(0)
}

async function versionOf(command: string) {
  const text = await run(command, ["--version"]).catch(() => "")
  const major = /v=(\d+)/.exec(text)?.[1]
  return major === undefined ? undefined : { command, major: Number(major) }
}

async function install(say: (line: string) => void) {
  const command = await installCommand()
  if (!command) {
    throw new PlainError(
      "there is no redis-server on the PATH: install Redis or Valkey 7 or newer, or set REDIS_URL to one that runs",
    )
  }
  say(`Installing redis-server: ${command.at(-1)} …`)
  for (const line of command) {
    await run("sh", ["-c", line]).catch((err: unknown) => {
      throw new PlainError(
        `redis-server could not be installed.\n${err instanceof Error ? err.message : err}`,
      )
    })
  }
  const server = await findServer()
  if (server) return server
  throw new PlainError("redis-server was installed but is not on the PATH")
}

async function installCommand() {
  if (process.platform === "darwin" && (await succeeds("brew", ["--version"]))) return ["brew install redis"]
  if (!(await succeeds("apt-get", ["--version"]))) return undefined
  const isRoot = process.getuid?.() === 0
  if (!isRoot && !(await succeeds("sudo", ["-n", "true"]))) {
    throw new PlainError("redis-server is missing: sudo apt-get install redis-server, then run this again")
  }
  const apt = `${isRoot ? "" : "sudo -n "}env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120`
  return [`${apt} update`, `${apt} install -y --no-install-recommends redis-server`]
}
