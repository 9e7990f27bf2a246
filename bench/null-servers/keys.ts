/** What null servers look up, and where they write their visits. */
export const plainKey = (code: string): string => `plain:${code}`
export const VISITS_KEY = "plain:visits"
