import { PlainError } from "./plain-error.ts"
import { run } from "./run.ts"
import { root } from "./services.ts"

type Environment = NodeJS.ProcessEnv

export async function migrate(env: Environment) {
  await runScript("services/admin/src/db/migrate.ts", [], env)
}

/** Makes what is missing of workspace, domain and key; the new key, or null when there was one before. */
export async function setUp(env: Environment, origin: string, extra: string[] = []): Promise<string | null> {
  const args = ["--host", "localhost", "--alias", "127.0.0.1", "--origin", origin, ...extra]
  const printed = await runScript("services/admin/src/setup.ts", args, env)
  const answer: { apiKey: string | null } = JSON.parse(printed.trim().split("\n").at(-1) ?? "")
  return answer.apiKey
}

async function runScript(script: string, args: string[], env: Environment) {
  try {
    return await run(process.execPath, [`${root}/${script}`, ...args], { cwd: root, env })
  } catch (err) {
    const { stdout = "", stderr = "" } = err as { stdout?: string; stderr?: string }
    throw new PlainError(`${script} failed:\n${stdout}${stderr || err}`.trimEnd())
  }
}
