import type { FieldProblem } from "@qiao/core/link.ts"
import { z } from "zod"

/** Where a field problem was found; `body` when absent. */
export type ProblemItem = FieldProblem & { in?: "query" | "path" | "header" }

/** An answer that is not a success, as RFC 9457 problem details. Thrown anywhere below a route, mapped in one place. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly errors: ProblemItem[]
  readonly headers: Record<string, string>

  constructor(
    status: number,
    code: string,
    detail: string,
    extra: { errors?: ProblemItem[]; headers?: Record<string, string> } = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.errors = extra.errors ?? []
    this.headers = extra.headers ?? {}
  }
}

export const TITLES: Record<number, string> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  408: "Request timeout",
  409: "Conflict",
  412: "Precondition failed",
  413: "Content too large",
  414: "URI too long",
  415: "Unsupported media type",
  422: "Unprocessable content",
  431: "Request header fields too large",
  429: "Too many requests",
  500: "Internal server error",
  503: "Service unavailable",
}

export function notFound(what: string): Problem {
  return new Problem(404, "not_found", `There is no such ${what}.`)
}

export function invalid(errors: ProblemItem[]): Problem {
  const detail = errors.length === 1 ? "One field is not valid." : `${errors.length} fields are not valid.`
  return new Problem(422, "invalid_input", detail, { errors })
}

export function invalidField(
  pointer: string,
  code: string,
  detail: string,
  place?: ProblemItem["in"],
): Problem {
  return invalid([{ ...(place !== undefined && { in: place }), pointer, code, detail }])
}

/** Every issue zod found, as problems with JSON pointers (RFC 6901). One unknown field is one problem. */
export function problemItems(error: z.ZodError): FieldProblem[] {
  return error.issues.flatMap((issue): FieldProblem[] => {
    const pointer = issue.path.map(escapePointer).join("")
    if (issue.code === "unrecognized_keys") {
      const detail = "is not a known field"
      return issue.keys.map((key) => ({
        pointer: pointer + escapePointer(key),
        code: "unknown_field",
        detail,
      }))
    }
    return [{ pointer, code: codeOf(issue), detail: issue.message }]
  })
}

/** The schema of a problem, for OpenAPI. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z
      .array(
        z.object({
          in: z.enum(["query", "path", "header"]).optional(),
          pointer: z.string(),
          code: z.string(),
          detail: z.string(),
        }),
      )
      .optional(),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem details" })

function codeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "custom" && typeof issue.params?.code === "string") return issue.params.code
  if (issue.code === "invalid_type" && issue.message.includes("received undefined")) return "required"
  return issue.code
}

function escapePointer(part: PropertyKey): string {
  return `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`
}
