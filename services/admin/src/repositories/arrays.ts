/** Arrays as Postgres reads them: made at once, as the driver looks at each element several times. */
export const textArray = (texts: string[]): string => `{${texts.map(quoted).join()}}`

export const numberArray = (numbers: ArrayLike<number | bigint>): string =>
  `{${Array.prototype.join.call(numbers)}}`

function quoted(text: string): string {
  return SPECIAL.test(text) ? `"${text.replaceAll(/["\\]/g, "\\$&")}"` : `"${text}"`
}

const SPECIAL = /["\\]/
