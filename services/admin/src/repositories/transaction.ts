import type pg from "pg"

/** Runs statements of one connection in a transaction. */
export async function inTransaction<T>(client: pg.ClientBase, run: () => Promise<T>): Promise<T> {
  await client.query("begin")
  try {
    const result = await run()
    await client.query("commit")
    return result
  } catch (err) {
    await client.query("rollback").catch(() => {})
    throw err
  }
}
