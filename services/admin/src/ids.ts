import { typeid } from "typeid-js"

export type IdPrefix = "ws" | "dom" | "key" | "tag" | "lnk" | "rls" | "ban" | "rpt" | "era"

/** An opaque id such as `lnk_01kagc…` (TypeID: UUIDv7 in base32): ids of one kind sort by creation. */
export const newId = (prefix: IdPrefix): string => typeid(prefix).toString()
