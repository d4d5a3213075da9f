//! Whether the blocks of a template are closed, each by one `{{ end }}`.
//!
//! The library takes the end of the text for the end of all blocks, and what follows a stray `{{ end }}` or `{{ else }}` for
//! no part of the template. Half a query would be asked, and its answer believed.

/// Why the blocks of a template don't fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// An `{{ end }}` with nothing to end.
    #[error("unexpected {{{{end}}}}")]
    End,
    /// An `{{ else }}` outside of everything that has one.
    #[error("unexpected {{{{else}}}}")]
    Else,
    /// A block without its `{{ end }}`.
    #[error("unexpected EOF, a block has no {{{{end}}}}")]
    Open,
}

/// Checks a template whose actions are closed.
pub(super) fn check(template: &str) -> Result<(), Unbalanced> {
    let mut depth = 0_usize;
    let mut rest = template;
    while let Some((_, action)) = rest.split_once("{{") {
        let action = action.strip_prefix('-').unwrap_or(action).trim_start();
        match first_word(action) {
            "if" | "range" | "with" | "define" | "block" => depth += 1,
            "else" if depth == 0 => return Err(Unbalanced::Else),
            "end" => depth = depth.checked_sub(1).ok_or(Unbalanced::End)?,
            _ => {}
        }
        rest = after(action);
    }
    if depth == 0 { Ok(()) } else { Err(Unbalanced::Open) }
}

fn first_word(action: &str) -> &str {
    let end = action.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(action.len());
    action.get(..end).unwrap_or_default()
}

/// What follows an action; braces in its texts and in a comment do not close it.
fn after(action: &str) -> &str {
    if let Some((_, rest)) = action.strip_prefix("/*").and_then(|comment| comment.split_once("*/")) {
        return rest.split_once("}}").map_or("", |(_, rest)| rest);
    }
    let mut quote = None;
    let mut characters = action.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (None, '"' | '`' | '\'') => quote = Some(character),
            (None, '}') => {
                if let Some(rest) = action.get(at..).and_then(|rest| rest.strip_prefix("}}")) {
                    return rest;
                }
            }
            (Some('"' | '\''), '\\') => drop(characters.next()),
            (Some(open), character) if open == character => quote = None,
            (None | Some(_), _) => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_and_texts_and_comments_are_not() {
        for (template, expected) in [
            ("rate(x{a=\"b\"}[1m])", Ok(())),
            ("{{ if a }}1{{ else if b }}2{{- else -}}3{{end}}", Ok(())),
            ("{{range x}}{{with y}}{{ender}}{{ end }}{{ end }}", Ok(())),
            (r#"{{ "{{ end }}" }}{{ `"}}` }}{{ '"' }}{{ "\"}}" }}"#, Ok(())),
            ("{{/* {{ end }} */}}{{- /* if */ -}}", Ok(())),
            ("{{ if a }}1", Err(Unbalanced::Open)),
            ("{{ if \"}}{{ end }}\" }}1", Err(Unbalanced::Open)),
            ("1{{ end }}2", Err(Unbalanced::End)),
            ("{{ if a }}{{ end }}{{- end }}", Err(Unbalanced::End)),
            ("1{{ else }}2{{ end }}", Err(Unbalanced::Else)),
        ] {
            assert_eq!(check(template), expected, "{template}");
        }
    }
}
