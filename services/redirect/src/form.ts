import type { IncomingMessage } from "node:http"

/** The status that says it: ended early, too big, not urlencoded. */
export type FormFault = 400 | 413 | 415

export type Form = { ok: true; fields: URLSearchParams } | { ok: false; fault: FormFault }

/** The form in a request's body, which is read up to its bound and no further. Never rejects. */
export async function readForm(req: IncomingMessage, sizeMaxBytes: number): Promise<Form> {
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(req.headers["content-type"] ?? "")) {
    return { ok: false, fault: 415 }
  }
  if (Number(req.headers["content-length"] ?? 0) > sizeMaxBytes) return { ok: false, fault: 413 }
  if (req.readableEnded) return { ok: true, fields: new URLSearchParams() }
  const chunks: Buffer[] = []
  let sizeBytes = 0
  return new Promise((resolve) => {
    req.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length
      chunks.push(chunk)
      if (sizeBytes <= sizeMaxBytes) return
      req.pause()
      resolve({ ok: false, fault: 413 })
    })
    req.on("end", () => {
      resolve({ ok: true, fields: new URLSearchParams(Buffer.concat(chunks).toString()) })
    })
    // Gone or too slow before its end.
    req.on("close", () => resolve({ ok: false, fault: 400 }))
    req.on("error", () => resolve({ ok: false, fault: 400 }))
  })
}
