import { z } from "zod"
import type { DomainFile } from "../db/schema.ts"

// Files at the root of a domain: what platforms want to see before they trust it, and robots.txt.

const FILES_MAX = 20
const FILE_MAX_BYTES = 8 * 1024

/** Served by other settings. */
const RESERVED = new Set(["robots.txt", "favicon.ico"])

/** The dot keeps it apart from codes, which have none. */
const fileName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9._-]*$/, {
    error: "must be a name such as MP_verify_a1B2.txt: letters, digits, - _ and a dot that is not the first",
  })
  .refine((name) => !RESERVED.has(name), {
    error: "is not set here",
    params: { code: "reserved_name" },
  })

const file = z
  .strictObject({
    name: fileName,
    content: z.string(),
    encoding: z.enum(["utf8", "base64"]).default("utf8"),
  })
  .transform(({ name, content, encoding }, ctx): DomainFile => {
    const refuse = (code: string, message: string) =>
      ctx.addIssue({ code: "custom", path: ["content"], message, params: { code } })
    const bytes = Buffer.from(content, encoding)
    if (bytes.toString(encoding) !== content) refuse("bad_content", `is not ${encoding}`)
    if (bytes.length > FILE_MAX_BYTES) refuse("too_big", `must be at most ${FILE_MAX_BYTES} bytes`)
    return { name, content: bytes.toString("base64") }
  })

export const files = z
  .array(file)
  .max(FILES_MAX)
  .superRefine((list, ctx) => {
    const names = list.map(({ name }) => name)
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) === i) continue
      const message = "is the name of another file"
      ctx.addIssue({ code: "custom", path: [i, "name"], message, params: { code: "duplicate_name" } })
    }
  })

export const filesSchema = z.array(
  z.object({ name: z.string(), content: z.string(), encoding: z.enum(["utf8", "base64"]) }),
)

/** As text where the bytes are text, so that what is answered is, sent again, the same file. */
export function toFiles(list: DomainFile[]): z.output<typeof filesSchema> {
  return list.map(({ name, content }) => {
    const bytes = Buffer.from(content, "base64")
    const text = bytes.toString("utf8")
    const isText = Buffer.from(text, "utf8").equals(bytes)
    return isText ? { name, content: text, encoding: "utf8" } : { name, content, encoding: "base64" }
  })
}

/** Lines of text: no control characters but tabs and line ends. */
export const robotsTxt = z.string().superRefine((value, ctx) => {
  const refuse = (code: string, message: string) =>
    ctx.addIssue({ code: "custom", message, params: { code } })
  if (!value.isWellFormed() || /[^\P{Cc}\t\r\n]/u.test(value)) {
    refuse("bad_character", "must not contain control characters or lone surrogates")
  }
  if (Buffer.byteLength(value) > FILE_MAX_BYTES) refuse("too_big", `must be at most ${FILE_MAX_BYTES} bytes`)
})
