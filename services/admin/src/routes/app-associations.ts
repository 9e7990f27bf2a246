import { z } from "zod"

// Which apps may open a domain's links. Checked for the mistakes that make a phone ignore the whole file in silence; what is not checked
// is passed on.

const TEXT_MAX_BYTES = 64 * 1024

/** As compact JSON, which is how it is stored and served. */
const asText = (value: object, ctx: z.RefinementCtx): string => {
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) > TEXT_MAX_BYTES) {
    const message = `must be at most ${TEXT_MAX_BYTES} bytes`
    ctx.addIssue({ code: "custom", message, params: { code: "too_big" } })
  }
  return text
}

const appId = z.string().regex(/^[A-Z0-9]{10}\.[A-Za-z0-9.-]+$/, {
  error: "must be an app's prefix and bundle id, such as ABCDE12345.com.example.app",
})
const apps = z.looseObject({ apps: z.array(appId) })

const linkDetails = z
  .looseObject({
    appID: appId.optional(),
    appIDs: z.array(appId).optional(),
    paths: z.array(z.string()).optional(),
    components: z.array(z.looseObject({})).optional(),
  })
  .refine(({ appID, appIDs }) => appID !== undefined || appIDs !== undefined, {
    error: "must have appIDs or appID",
    params: { code: "no_app" },
  })

const SERVICES = ["applinks", "webcredentials", "appclips"] as const

/** https://developer.apple.com/documentation/xcode/supporting-associated-domains */
export const appleAppSiteAssociation = z
  .looseObject({
    applinks: z.looseObject({ details: z.array(linkDetails) }).optional(),
    webcredentials: apps.optional(),
    appclips: apps.optional(),
  })
  .refine((value) => SERVICES.some((service) => value[service] !== undefined), {
    error: `must have one of ${SERVICES.join(", ")}`,
    params: { code: "no_service" },
  })
  .transform(asText)

const fingerprint = z.string().regex(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/, {
  error: "must be a SHA-256 fingerprint: 32 bytes in upper-case hex, with colons",
})

/** https://developers.google.com/digital-asset-links/v1/statements */
export const assetLinks = z
  .array(
    z.looseObject({
      relation: z.array(z.string().regex(/^[\w.-]+\/[\w.-]+$/, { error: "must be kind/detail" })).min(1),
      target: z.discriminatedUnion("namespace", [
        z.looseObject({
          namespace: z.literal("android_app"),
          package_name: z.string().regex(/^\w+(\.\w+)+$/, { error: "must be a package's name" }),
          sha256_cert_fingerprints: z.array(fingerprint).min(1),
        }),
        z.looseObject({ namespace: z.literal("web"), site: z.url({ protocol: /^https?$/ }) }),
      ]),
    }),
  )
  .transform(asText)
