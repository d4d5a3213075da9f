//! The page for people: what waits, with two buttons, and what was decided. It works without scripts.

use std::fmt::Write;

use super::ledger::{Decision, Entry};

/// What a browser may do with it: nothing but show it and send its forms back here.
pub(super) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c2330}\
    article{border:1px solid #cfd6e4;border-radius:.5rem;padding:1rem;margin:1rem 0}h2{margin:0}p{margin:.25rem 0}\
    label{margin-right:1rem}input{font:inherit;padding:.25rem .5rem}button{font:inherit;padding:.35rem 1rem;margin-top:.75rem}\
    .note{background:#fff4d6;border-radius:.5rem;padding:.5rem 1rem}table{border-collapse:collapse}td,th{text-align:left;\
    padding:.25rem 1rem .25rem 0}@media(prefers-color-scheme:dark){body{background:#12161f;color:#dfe5f0}.note{color:#1c2330}}";

/// The whole page.
pub(super) fn page(entries: &[Entry], with_token: bool, note: Option<&str>) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Approvals</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head><body>\n\
         <h1>Approvals</h1>\n"
    );
    // Writing to a `String` can't fail.
    if let Some(note) = note {
        let _ = writeln!(html, "<p class=\"note\" role=\"status\">{}</p>", escaped(note));
    }
    let (waiting, decided): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.decision.is_none());
    if waiting.is_empty() {
        html.push_str("<p id=\"nothing\">Nothing waits for approval.</p>\n");
    }
    for entry in waiting {
        form(&mut html, entry, with_token);
    }
    let decisions: Vec<(&Entry, &Decision)> =
        decided.iter().filter_map(|entry| Some((*entry, entry.decision.as_ref()?))).collect();
    if !decisions.is_empty() {
        html.push_str("<h2>Decided</h2>\n<table><tr><th>Canary</th><th>Decision</th><th>By</th><th>At</th></tr>\n");
        for (entry, decision) in decisions {
            row(&mut html, entry, decision);
        }
        html.push_str("</table>\n");
    }
    html.push_str("</body></html>\n");
    html
}

fn form(html: &mut String, entry: &Entry, with_token: bool) {
    let [canary, namespace, checksum, phase] =
        [&entry.canary, &entry.namespace, &entry.checksum, &entry.phase].map(|text| escaped(text));
    let token = if with_token {
        "<label>Token <input type=\"password\" name=\"token\" required autocomplete=\"current-password\"></label>"
    } else {
        ""
    };
    let _ = writeln!(
        html,
        "<article id=\"{canary}.{namespace}\"><h2>{canary}</h2><p>namespace {namespace}, phase {phase}, run {checksum}, \
         asked {asked:.0}</p><form method=\"post\" action=\"/decide\">\
         <input type=\"hidden\" name=\"canary\" value=\"{canary}\">\
         <input type=\"hidden\" name=\"namespace\" value=\"{namespace}\">\
         <input type=\"hidden\" name=\"checksum\" value=\"{checksum}\">\
         <label>Your name <input name=\"by\" autocomplete=\"username\"></label>{token}<br>\
         <button name=\"approved\" value=\"true\">Approve</button> \
         <button name=\"approved\" value=\"false\">Reject</button></form></article>",
        asked = entry.asked,
    );
}

fn row(html: &mut String, entry: &Entry, decision: &Decision) {
    let word = if decision.approved { "approved" } else { "rejected" };
    let [canary, namespace, by] = [&entry.canary, &entry.namespace, &decision.by].map(|text| escaped(text));
    let _ = writeln!(
        html,
        "<tr id=\"decided-{canary}.{namespace}\"><td>{canary}.{namespace}</td><td>{word}</td><td>{by}</td><td>{:.0}</td></tr>",
        decision.at
    );
}

/// Text that means nothing to a browser.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_text_and_nothing_else() {
        let entry = Entry {
            canary: "cart".to_owned(),
            namespace: "shop".to_owned(),
            checksum: r#""><script>alert(1)</script>"#.to_owned(),
            phase: String::new(),
            asked: jiff::Timestamp::UNIX_EPOCH,
            decision: None,
            past: Vec::new(),
        };
        let html = page(&[entry], true, Some("<b>"));
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&quot;&gt;&lt;script&gt;"));
    }
}
