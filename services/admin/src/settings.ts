import { type LinkSettings, settingsProblems } from "@qiao/core/link.ts"
import { invalid } from "./problem.ts"

/** The settings, or a 422 problem that names all that is wrong between them. `at` points to where they stand in the body. */
export function checkedSettings(settings: LinkSettings, at = ""): LinkSettings {
  const problems = settingsProblems(settings)
  if (problems.length === 0) return settings
  throw invalid(problems.map((problem) => ({ ...problem, pointer: at + problem.pointer })))
}
