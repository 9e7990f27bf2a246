export type Counts = { passed: number; failed: number; skipped: number }

/**
 * Counts the tests in tap's raw report: the points one level below the files. A file that failed with all
 * its points good (it crashed, hung or planned more) counts as one failure itself.
 */
export function countTests(report: string): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let failedInFile = 0
  for (const line of report.split("\n")) {
    const point = /^( {4})?(not )?ok \d+(?: - .*?)?( # (?:SKIP|TODO).*)?$/i.exec(line)
    if (!point) continue
    const [, isTest, isBad, isSkipped] = point
    if (isTest) {
      if (isSkipped) counts.skipped++
      else if (isBad) failedInFile++
      else counts.passed++
    } else {
      counts.failed += isBad ? Math.max(failedInFile, 1) : 0
      failedInFile = 0
    }
  }
  return counts
}
