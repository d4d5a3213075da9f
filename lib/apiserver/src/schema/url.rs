//! Request URIs as Go's `url.ParseRequestURI` takes them apart.

/// A URI, or an absolute path alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) scheme: String,
    /// Host and port, brackets of an IPv6 address included.
    pub(super) host: String,
    pub(super) escaped_path: String,
    pub(super) query: Vec<(String, String)>,
}

impl Url {
    /// `None` for what is neither a URI nor an absolute path.
    pub(super) fn parse(text: &str) -> Option<Url> {
        if text.is_empty() || text.chars().any(|letter| letter.is_control() || letter == ' ') {
            return None;
        }
        let (scheme, rest) = split_scheme(text)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) if !scheme.is_empty() => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            _ => ("", rest),
        };
        if scheme.is_empty() && !path.starts_with('/') {
            return None;
        }
        let host = host.rsplit_once('@').map_or(host, |(_user, host)| host);
        (has_valid_port(host) && unescape(path).is_some()).then(|| Url {
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_owned(),
            escaped_path: path.to_owned(),
            query: pairs(query),
        })
    }

    /// The host without its port and brackets.
    pub(super) fn host_name(&self) -> &str {
        let name =
            self.host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(&*self.host, |(name, _)| name);
        name.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, empty when there is none.
    pub(super) fn port(&self) -> &str {
        self.host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.contains(']')).unwrap_or_default()
    }
}

/// Splits `scheme:rest`; the scheme is empty when the text has none, and `None` stands for one that isn't allowed.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let Some(end) = text.find([':', '/', '?']).filter(|end| text.as_bytes().get(*end) == Some(&b':')) else {
        return Some(("", text));
    };
    let (scheme, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let inner = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    (scheme.starts_with(|letter: char| letter.is_ascii_alphabetic()) && scheme.chars().all(inner))
        .then_some((scheme, rest))
}

fn has_valid_port(host: &str) -> bool {
    let after_name = if host.starts_with('[') { host.split_once(']').map(|(_, rest)| rest) } else { Some(host) };
    after_name.is_some_and(|rest| {
        let port = rest.split_once(':').map_or("", |(_, port)| port);
        port.chars().all(|digit| digit.is_ascii_digit())
    })
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let words = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((unescape(&key.replace('+', " "))?, unescape(&value.replace('+', " "))?))
    };
    query.split('&').filter(|pair| !pair.is_empty()).filter_map(words).collect()
}

/// Replaces `%41` with its letter; `None` when an escape is cut short.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after.get(2..)?;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
