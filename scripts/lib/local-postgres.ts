import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { chown, mkdir, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises"
import { Client } from "pg"
import { PlainError } from "./plain-error.ts"
import { type Account, canReach, openHome, serverAccount } from "./postgres-account.ts"
import { type Binaries, postgresBinaries } from "./postgres-binaries.ts"
import { commandOf, endProcess } from "./processes.ts"
import { run } from "./run.ts"
import type { Program } from "./supervisor.ts"

type Options = {
  folder: string
  port: number
  password: string
  /** Server settings, `name=value`. */
  settings?: string[]
  say: (line: string) => void
}

export type LocalPostgres = { program: Program; url(database: string): string; answers(): Promise<boolean> }

/** A PostgreSQL of our own that only this machine can reach; its folder is made when it is not there. */
export async function localPostgres(options: Options): Promise<LocalPostgres> {
  const { port, password, settings = [], say } = options
  const account = await serverAccount(say)
  const binaries = await postgresBinaries(account)
  const folder = await openFolder(options.folder, account, say)
  if (existsSync(`${folder}/PG_VERSION`)) await requireMajor(folder, binaries)
  else await initialise(folder, password, account, binaries)

  const url = (database: string) => `postgres://qiao:${password}@127.0.0.1:${port}/${database}`
  const server = ["listen_addresses=127.0.0.1", "unix_socket_directories=", ...settings]
  return {
    program: {
      name: "postgres",
      command: binaries.postgres,
      args: ["-D", folder, "-p", String(port), ...server.flatMap((setting) => ["-c", setting])],
      cwd: "/",
      // SIGINT is its fast shutdown: it ends the sessions and writes everything out.
      stopSignal: "SIGINT",
      prepare: () => clearStaleLock(folder),
      ...(account && { account }),
    },
    url,
    answers: () => answers(url("postgres")),
  }
}

/** The server's account must get to the folder; see postgres-account.ts. */
async function openFolder(folder: string, account: Account | undefined, say: Options["say"]) {
  if (existsSync(folder)) return realpath(folder)
  if (!account || (await canReach(account, folder))) return folder
  const open = `${openHome}/data-${randomBytes(4).toString("hex")}`
  say(`PostgreSQL, which does not run as root, cannot see ${folder}: its data goes to ${open}`)
  await mkdir(open, { recursive: true, mode: 0o755 })
  await symlink(open, folder)
  return open
}

/** Made beside its place and then moved there, so that an interrupted one is never taken for whole. */
async function initialise(
  folder: string,
  password: string,
  account: Account | undefined,
  binaries: Binaries,
) {
  const draft = `${folder}.new`
  const passwordFile = `${folder}.new-password`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (account) await Promise.all([draft, passwordFile].map((path) => chown(path, account.uid, account.gid)))
  try {
    await run(
      binaries.initdb,
      [
        `--pgdata=${draft}`,
        "--username=qiao",
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--lc-messages=C",
        ...locale(binaries.major),
      ],
      { cwd: "/", ...account },
    )
    await rm(folder, { recursive: true, force: true })
    await rename(draft, folder)
  } finally {
    await rm(passwordFile, { force: true })
  }
}

/** Unicode case rules whatever the machine's own locales are; before 17 they must come from the machine. */
function locale(major: number) {
  return major >= 17
    ? ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    : ["--locale=C.UTF-8"]
}

async function requireMajor(folder: string, { major }: Binaries) {
  const found = (await readFile(`${folder}/PG_VERSION`, "utf8")).trim()
  if (found === String(major)) return
  throw new PlainError(
    `the data in ${folder} is of PostgreSQL ${found}, but this is PostgreSQL ${major}: ` +
      "dump and restore it, or choose another folder with DATA_DIR",
  )
}

/**
 * After a crash the lock file stays. A server of ours that still runs is ended; a process that merely
 * got the same id would make PostgreSQL refuse to start.
 */
async function clearStaleLock(folder: string) {
  const lock = `${folder}/postmaster.pid`
  if (!existsSync(lock)) return
  const pid = Number((await readFile(lock, "utf8")).split("\n")[0])
  if ((await commandOf(pid)).includes(folder)) await endProcess(pid, "SIGINT")
  await rm(lock, { force: true })
}

async function answers(url: string) {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on("error", () => undefined)
  try {
    await client.connect()
    return true
  } finally {
    await client.end()
  }
}

/** Creates the database unless it exists; names are our own, never input. */
export async function ensureDatabase(url: string, name: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const found = await client.query("SELECT FROM pg_database WHERE datname = $1", [name])
    if (found.rowCount === 0) await client.query(`CREATE DATABASE "${name}"`)
  } finally {
    await client.end()
  }
}
