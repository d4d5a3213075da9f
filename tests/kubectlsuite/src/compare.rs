//! Where two transcripts differ.

/// Lines told of one command; the rest follows from them more often than not.
const TOLD_MAX: usize = 40;

/// The differing lines: `-` recorded, `+` said now, each under its command. Nothing when they are equal.
pub fn differences(recorded: &[String], said: &[String]) -> Vec<String> {
    let (recorded, said) = (commands(recorded), commands(said));
    let mut told = Vec::new();
    for at in 0..recorded.len().max(said.len()) {
        let [one, other] = [&recorded, &said].map(|all| all.get(at).copied().unwrap_or_default());
        if one != other {
            told.extend(one.first().or(other.first()).cloned());
            told.extend(lines(one, other).into_iter().take(TOLD_MAX));
        }
    }
    told
}

/// The lines that only one of both has, in an order that keeps those that both have.
fn lines(one: &[String], other: &[String]) -> Vec<String> {
    let common = common(one, other);
    let length = |at: usize, against: usize| common.get(at).and_then(|row| row.get(against)).copied().unwrap_or(0);
    let (mut at, mut against, mut told) = (0, 0, Vec::new());
    loop {
        match (one.get(at), other.get(against)) {
            (None, None) => return told,
            (Some(left), Some(right)) if left == right => (at, against) = (at + 1, against + 1),
            (Some(left), right) if right.is_none() || length(at, against + 1) <= length(at + 1, against) => {
                told.push(format!("- {left}"));
                at += 1;
            }
            (_, right) => {
                told.extend(right.map(|right| format!("+ {right}")));
                against += 1;
            }
        }
    }
}

/// How many lines the rests from each pair of places have in common, in order.
fn common(one: &[String], other: &[String]) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![0; other.len() + 1]];
    for left in one.iter().rev() {
        let below = rows.last().cloned().unwrap_or_default();
        let mut row = vec![0];
        for (right, pair) in other.iter().zip(below.windows(2)).rev() {
            let (here, beside) = (pair.first().copied().unwrap_or(0), row.last().copied().unwrap_or(0));
            let both = pair.get(1).copied().unwrap_or(0) + 1;
            row.push(if left == right { both } else { here.max(beside) });
        }
        row.reverse();
        rows.push(row);
    }
    rows.reverse();
    rows
}

/// A transcript, cut before each command.
fn commands(transcript: &[String]) -> Vec<&[String]> {
    let starts = transcript.iter().enumerate().filter(|(_, line)| line.starts_with("$ ")).map(|(at, _)| at);
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied().chain([transcript.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| transcript.get(*start..end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_difference_is_told_under_its_command() {
        let recorded = transcript("$ a\n| same\n$ b\n| one\n| two\n| three\n");
        let said = transcript("$ a\n| same\n$ b\n| one\n| 2\n| three\nexit 1\n");
        assert!(differences(&recorded, &recorded).is_empty());
        assert_eq!(differences(&recorded, &said), ["$ b", "- | two", "+ | 2", "+ exit 1"]);
    }
}
