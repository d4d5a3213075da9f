//! The report at the end.

use std::io::{self, Write};
use std::time::Duration;

use crate::demo::{Step, Summary, Told};

/// Standard errors that a measured share may be off its weight: one in sixteen thousand honest steps is further off.
const SIGMAS: f64 = 4.0;

/// Configured weight against measured share.
pub(super) fn steps(out: &mut impl Write, steps: &[Step]) -> io::Result<()> {
    writeln!(out, "\nRELEASE  WEIGHT  MEASURED   EXPECTED       REQUESTS  FAILED  LOST")?;
    for step in steps {
        let error = standard_error(step) * SIGMAS;
        let weight = f64::from(step.weight);
        writeln!(
            out,
            "{:<7}  {:>4} %  {:>6.1} %   {:>4.1}–{:<5.1} %  {:>8}  {:>6}  {:>4}{}",
            step.release,
            step.weight,
            step.share,
            (weight - error).max(0.0),
            (weight + error).min(100.0),
            step.requests,
            step.failed,
            step.lost,
            if (step.share - weight).abs() <= error { "" } else { "   off!" },
        )?;
    }
    Ok(())
}

/// What `kubectl describe` would show.
pub(super) fn events(out: &mut impl Write, events: &[Told]) -> io::Result<()> {
    writeln!(out, "\nEvents:\n  Type     Reason  After    From     Message")?;
    writeln!(out, "  ----     ------  -----    ----     -------")?;
    for told in events {
        writeln!(out, "  {:<7}  {:<6}  {:<7}  flagger  {}", told.kind, told.reason, clock(told.after), told.message)?;
    }
    Ok(())
}

/// The last line.
pub(super) fn summary(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    writeln!(
        out,
        "\n{} promoted, {} rolled back; {} requests served, {} failed by the new version, {} lost",
        summary.promoted,
        summary.rolled_back,
        summary.requests - summary.lost.min(summary.requests),
        summary.failed,
        summary.lost
    )?;
    out.flush()
}

/// Minutes and seconds, as `4m30s`.
pub(super) fn clock(after: Duration) -> String {
    let seconds = after.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{:02}s", seconds / 60, seconds % 60) }
}

/// The standard error of a share in percent: each request goes to the canary with the probability that the weight says.
fn standard_error(step: &Step) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nobody sends 2^52 requests")]
    let requests = step.requests.max(1) as f64;
    let share = f64::from(step.weight) / 100.0;
    (share * (1.0 - share) / requests).sqrt() * 100.0
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_share_that_no_chance_explains_is_marked() {
        let step = |weight, share| Step {
            canary: "podinfo.test".into(),
            release: 1,
            weight,
            share,
            requests: 600,
            failed: 0,
            lost: 0,
        };
        let mut table = Vec::new();
        steps(&mut table, &[step(10, 11.2), step(50, 30.0)]).unwrap();
        expect![[r#"

            RELEASE  WEIGHT  MEASURED   EXPECTED       REQUESTS  FAILED  LOST
            1          10 %    11.2 %    5.1–14.9  %       600       0     0
            1          50 %    30.0 %   41.8–58.2  %       600       0     0   off!
        "#]]
        .assert_eq(&String::from_utf8(table).unwrap());
    }
}
