/** Something the person at the terminal can mend; shown as its message alone. */
export class PlainError extends Error {}

export function report(err: unknown) {
  console.error(err instanceof PlainError ? `qiao: ${err.message}` : err)
}

export function exitWith(err: unknown): never {
  report(err)
  process.exit(1)
}
