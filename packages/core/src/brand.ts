import { z } from "zod"
import { text } from "./fields.ts"

export const LOGO_SIZE_MAX_BYTES = 3_072

const PNG_SIGNATURE = "\x89PNG\r\n\x1a\n"

const logo = z
  .base64({ error: "must be a PNG in base64, without data: before it" })
  .superRefine((value, ctx) => {
    const bytes = Buffer.from(value, "base64")
    const refuse = (code: string, message: string) =>
      ctx.addIssue({ code: "custom", message, params: { code } })
    if (bytes.toString("latin1", 0, 8) !== PNG_SIGNATURE) refuse("not_png", "must be a PNG")
    if (bytes.length > LOGO_SIZE_MAX_BYTES) refuse("too_big", `must be at most ${LOGO_SIZE_MAX_BYTES} bytes`)
  })

const guideWords = z.strictObject({ title: text(60).optional(), lead: text(300).optional() })

/**
 * What a workspace puts on the pages its visitors see. `logo` is a PNG in base64, `colour` `#rrggbb`; of its own words for the guide
 * page, what is left out stays ours.
 */
export const brand = z.strictObject({
  name: text(40).optional(),
  colour: z
    .string()
    .regex(/^#[0-9a-f]{6}$/, { error: "must be a colour such as #0b5cad, in lower case" })
    .optional(),
  logo: logo.optional(),
  guide: z.strictObject({ "zh-CN": guideWords.optional(), en: guideWords.optional() }).optional(),
})
export type Brand = z.output<typeof brand>
