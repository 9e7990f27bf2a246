/** Order of two values of one key: the epoch first, then the revision. */
export type RecordVersion = { epoch: number; revision: number }

/** A stored value: `record` is null for a tombstone, which says that the key was deleted and stays deleted. */
export type Versioned<T> = RecordVersion & { record: T | null }

export function isNewer(a: RecordVersion, b: RecordVersion): boolean {
  return a.epoch === b.epoch ? a.revision > b.revision : a.epoch > b.epoch
}

/** `<epoch>.<revision>.<body>`: a Lua script compares the versions without parsing the rest. A tombstone's body is empty. */
export function encodeVersioned({ epoch, revision }: RecordVersion, body: string | null): string {
  return `${epoch}.${revision}.${body ?? ""}`
}

/** Throws on a value that no version of this code wrote. */
export function decodeVersioned<T>(value: string, toRecord: (body: string) => T): Versioned<T> {
  const { epoch, revision, body } = split(value)
  return { epoch, revision, record: body === "" ? null : toRecord(body) }
}

/** Throws on a value without a version. */
export function versionOf(value: string): RecordVersion {
  return split(value)
}

function split(value: string): RecordVersion & { body: string } {
  const first = value.indexOf(".")
  const second = value.indexOf(".", first + 1)
  const epoch = Number(value.slice(0, first))
  const revision = Number(value.slice(first + 1, second))
  if (first < 1 || second < 0 || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(revision)) {
    throw new Error(`not a record: ${value.slice(0, 40)}`)
  }
  return { epoch, revision, body: value.slice(second + 1) }
}
