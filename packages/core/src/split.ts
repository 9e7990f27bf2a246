import type { Visit } from "./condition.ts"

/**
 * A visitor's place on the line from 0 to 1 for one link: the same for the same ip, os and platform, so no cookie is needed. The
 * User-Agent itself has no part in it, so that a crawler's mark changes nothing. FNV-1a with the finaliser of MurmurHash3, since FNV's
 * high bits alone are not even enough.
 */
export function shareOf(linkId: string, { ip, os, platform }: Visit): number {
  let hash = mix(mix(mix(mix(0x811c9dc5, linkId), ip), os), platform)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/** A text and a blank after it. */
function mix(hash: number, text: string): number {
  let mixed = hash
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193)
  return Math.imul(mixed ^ 0x20, 0x01000193)
}

/** The number of the side on which `share`, from 0 up to but not including 1, falls; weights need not sum to anything. */
export function sideOf(sides: readonly { weight: number }[], share: number): number {
  let left = 0
  for (const { weight } of sides) left += weight
  left *= share
  for (let side = 0; side < sides.length; side++) {
    left -= sides[side]?.weight ?? 0
    if (left < 0) return side
  }
  return sides.length - 1
}
