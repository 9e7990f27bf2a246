/*
 * What letters look like in ASCII. A row is the ASCII text and the letters that read as it. Chosen from Unicode's confusables.txt (UTS 39)
 * and Chromium's idn_spoof_checker.cc and skeleton_generator.cc.
 */

/** Hardly told apart in common fonts: a word of nothing else reads as ASCII. */
const TWINS = `
a аα, b ьъ, bl ы, c сϲց, d ԁძ, e еҽ, g ԍ, h һհ, i іι, io ю, j јϳյ, k κ, l ӏլǀ, n пηո, o оοօჿ, p рρԗ, q ԛգզ, r г, s ѕ, t τ, u υս,
v ѵν, w ԝωѡ, x х, y у, o ०০੦૦୦௦౦೦൦๐໐၀
`

/** Read as ASCII only among ASCII letters, where the eye expects one. */
const RELATIVES = `
a ɑ, ae æӕ, b вβƅ, d đðԃ, e єεə, f ғƒ, g ɡ, h нћħ, i ıɩɪ, k кқҝĸ, l łʟ, m м, n ŋɴ, o øσөɵ, oe œ, p þҏ, r ґʀ, ss ß, t тŧҭ, u μ, w шщ,
x χҳ, y γұʏ, 0 θ, 2 շ, 3 зҙӡვ, 6 ճб, - 一ー, l 丨, o 〇, / 丿ノ∕⁄╱
`

export const twins = lettersOf(TWINS)
export const lookAlikes = new Map([...twins, ...lettersOf(RELATIVES)])

function lettersOf(rows: string): Map<string, string> {
  const letters = rows.split(",").flatMap((row) => {
    const [ascii = "", likes = ""] = row.trim().split(" ")
    return Array.from(likes, (letter) => [letter, ascii] as const)
  })
  return new Map(letters)
}
