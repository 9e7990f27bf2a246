import { cp, mkdir, rename, rm, stat } from "node:fs/promises"
import { dirname } from "node:path"
import { PlainError } from "./plain-error.ts"
import { run, succeeds } from "./run.ts"

/*
 * Postgres refuses to run as root, so for root it runs as the user `postgres`. That user cannot see into
 * a closed home such as /root, and opening it is not ours to do: what it needs lives in /var/lib/qiao then.
 */

export const openHome = "/var/lib/qiao"

export type Account = { uid: number; gid: number }

/** Whom the server runs as: undefined is ourselves. */
export async function serverAccount(say: (line: string) => void): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  if (!(await succeeds("id", ["-u", "postgres"]))) {
    say("Adding the system user postgres, because PostgreSQL does not run as root")
    await run("useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "postgres"]).catch(
      (err: unknown) => {
        throw new PlainError(`PostgreSQL does not run as root and no user could be added for it: ${err}`)
      },
    )
  }
  const [uid, gid] = await Promise.all(["-u", "-g"].map((flag) => run("id", [flag, "postgres"])))
  return { uid: Number(uid), gid: Number(gid) }
}

/** Whether the account may pass through every folder above the path. */
export async function canReach({ uid, gid }: Account, path: string): Promise<boolean> {
  const folder = dirname(path)
  if (folder === path) return true
  const { mode, uid: owner, gid: group } = await stat(folder)
  const mayPass = owner === uid ? mode & 0o100 : group === gid ? mode & 0o010 : mode & 0o001
  return mayPass !== 0 && canReach({ uid, gid }, folder)
}

/** Copies a folder to where every account can read it, once. */
export async function copyToOpenHome(folder: string, name: string) {
  const copy = `${openHome}/${name}`
  if (await stat(copy).catch(() => undefined)) return copy
  const draft = `${copy}.${process.pid}.tmp`
  await mkdir(openHome, { recursive: true, mode: 0o755 })
  await cp(folder, draft, { recursive: true, verbatimSymlinks: true })
  await rename(draft, copy).catch(() => rm(draft, { recursive: true }))
  return copy
}
