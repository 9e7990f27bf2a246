/*
 * Days of UTC, written as `2026-11-22`: what partitions are of. They compare as text.
 */

export const DAY_MS = 86_400_000

/** The day in which a time lies. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** When a day begins. */
export const startOf = (day: string): number => Date.parse(`${day}T00:00:00Z`)

export const daysAfter = (day: string, days: number): string => dayOf(startOf(day) + days * DAY_MS)
