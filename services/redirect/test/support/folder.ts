import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import type { Test } from "tap"

/** An empty folder for this test alone, with a short name: sockets have no room for long ones. */
export async function newFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(`${tmpdir()}/qiao-spill-`)
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
