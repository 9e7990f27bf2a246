/** Of a scheme, what the pages of a brand need beside its colour. */
export type SchemeColours = { paper: string; ink: string }

export type BrandColours = {
  /** Under the top bar and the primary button. */
  act: string
  /** The text on it. */
  on: string
  /** Borders and what is pointed at: the brand's colour where it stands out from the paper, else that of the text. */
  mark: Record<"light" | "dark", string>
}

/** WCAG 2.2, success criterion 1.4.11: what is needed to tell a part of the page from what is around it. */
const CONTRAST_MIN = 3
/** 1.4.3, for text. */
const TEXT_CONTRAST_MIN = 4.5

/** White where that can be read, else black; one of the two always can (the worst case is 4.58). */
export function brandColours(colour: string, schemes: Record<"light" | "dark", SchemeColours>): BrandColours {
  const markOn = ({ paper, ink }: SchemeColours) => (contrast(colour, paper) < CONTRAST_MIN ? ink : colour)
  return {
    act: colour,
    on: contrast(colour, "#ffffff") < TEXT_CONTRAST_MIN ? "#000000" : "#ffffff",
    mark: { light: markOn(schemes.light), dark: markOn(schemes.dark) },
  }
}

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio, of two colours as `#rrggbb`. */
export function contrast(a: string, b: string): number {
  const [darker = 0, lighter = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((i) => {
    const channel = Number.parseInt(colour.slice(i, i + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
