//! What `match` asks of a request.

use std::collections::BTreeMap;

use super::super::matching::{BadMatch, Condition, Matcher, Path, Test, header_name, whole};
use super::spec::{Match, StringMatch};

/// How the name of a pseudo header is told from one that is sent.
const PSEUDO: char = ':';

/// Compiles one match; that it holds for some gateways only is the caller's to know.
pub(super) fn matcher(written: &Match) -> Result<Matcher, BadMatch> {
    type Tested<'a> = (&'static str, &'a Option<StringMatch>, fn(Test) -> Condition);
    let mut conditions = Vec::new();
    if let Some(uri) = &written.uri {
        conditions.push(Condition::Path(path(uri, written.ignore_uri_case)?));
    }
    let tests: [Tested<'_>; 3] = [
        ("match.scheme", &written.scheme, Condition::Scheme),
        ("match.method", &written.method, Condition::Method),
        ("match.authority", &written.authority, Condition::Authority),
    ];
    for (field, written, condition) in tests {
        if let Some(written) = written {
            conditions.push(condition(test(field, written)?));
        }
    }
    headers("match.headers", &written.headers, Condition::Header, &mut conditions)?;
    headers("match.withoutHeaders", &written.without_headers, Condition::NoHeader, &mut conditions)?;
    for (name, value) in &written.query_params {
        conditions.push(Condition::Query(name.clone(), test("match.queryParams", value)?));
    }
    conditions.extend(written.port.map(Condition::Port));
    if !written.source_labels.is_empty() {
        conditions.push(Condition::SourceLabels(written.source_labels.clone()));
    }
    conditions.extend(written.source_namespace.clone().map(Condition::SourceNamespace));
    Ok(Matcher { conditions })
}

fn headers(
    field: &'static str,
    written: &BTreeMap<String, StringMatch>,
    condition: fn(http::HeaderName, Test) -> Condition,
    conditions: &mut Vec<Condition>,
) -> Result<(), BadMatch> {
    for (name, value) in written {
        let test = test(field, value)?;
        conditions.push(match name.strip_prefix(PSEUDO) {
            Some("authority") => Condition::Authority(test),
            Some("method") => Condition::Method(test),
            Some("scheme") => Condition::Scheme(test),
            _ => condition(header_name(field, name)?, test),
        });
    }
    Ok(())
}

pub(super) fn test(field: &'static str, written: &StringMatch) -> Result<Test, BadMatch> {
    Ok(match written {
        StringMatch { exact: Some(exact), .. } => Test::Exact(exact.clone()),
        StringMatch { prefix: Some(prefix), .. } => Test::Prefix(prefix.clone()),
        StringMatch { regex: Some(regex), .. } => Test::Regex(whole(field, regex)?),
        _ => Test::Present,
    })
}

fn path(written: &StringMatch, any_case: bool) -> Result<Path, BadMatch> {
    const FIELD: &str = "match.uri";
    let text = |text: &str| if any_case { text.to_lowercase() } else { text.to_owned() };
    let path = match written {
        StringMatch { exact: Some(exact), .. } => Path::Exact(text(exact)),
        StringMatch { prefix: Some(prefix), .. } => Path::Start(text(prefix)),
        // Case is ignored for exact and prefix only.
        StringMatch { regex: Some(regex), .. } => return whole(FIELD, regex).map(Path::Regex),
        _ => Path::Start(String::new()),
    };
    Ok(if any_case { Path::AnyCase(Box::new(path)) } else { path })
}
