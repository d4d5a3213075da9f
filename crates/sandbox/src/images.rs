//! Which images exist: there is no registry, the reference itself says so.
//!
//! Every reference can be pulled, unless its tag contains `notfound`, `missing` or `does-not-exist`, or it is no image
//! reference at all. So a bad release is a matter of one tag, and no list has to know what people run.

/// Tags that contain one of these can't be pulled.
const ABSENT: [&str; 3] = ["notfound", "missing", "does-not-exist"];

/// An image reference, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Registry and path, such as `ghcr.io/stefanprodan/podinfo`.
    pub(crate) repository: String,
    /// The tag; `latest` when there is none, or the digest when it stands alone.
    pub(crate) tag: String,
}

/// Why an image can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    /// The reference is malformed, which no retry mends.
    #[error("couldn't parse image name \"{0}\": invalid reference format")]
    Invalid(String),
    /// There is no such tag.
    #[error("failed to pull and unpack image \"{0}\": failed to resolve reference \"{0}\": {0}: not found")]
    NotFound(String),
}

/// Looks an image up.
pub(crate) fn pull(reference: &str) -> Result<Image, Unavailable> {
    let image = parse(reference).ok_or_else(|| Unavailable::Invalid(reference.to_owned()))?;
    if ABSENT.iter().any(|absent| image.tag.contains(absent)) {
        return Err(Unavailable::NotFound(reference.to_owned()));
    }
    Ok(image)
}

fn parse(reference: &str) -> Option<Image> {
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    // A colon before the last slash belongs to the registry's port.
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name.get(path..)?.split_once(':') {
        Some((last, tag)) => (name.get(..path + last.len())?, Some(tag)),
        None => (name, None),
    };
    let tag = tag.or(digest).unwrap_or("latest");
    let parts = || repository.split('/');
    let fine = parts().all(component) && parts().next_back().is_some_and(|last| !last.contains(':')) && tagged(tag);
    fine.then(|| Image { repository: repository.to_owned(), tag: tag.to_owned() })
}

/// A path component, or the registry with its port.
fn component(part: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | ':');
    let at_the_ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.chars().all(inside) && part.starts_with(at_the_ends) && part.ends_with(at_the_ends)
}

fn tagged(tag: &str) -> bool {
    const LONGEST: usize = 128;
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
    !tag.is_empty() && tag.len() <= LONGEST && tag.chars().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_what_follows_the_last_colon_of_the_last_component() {
        for (reference, tag) in [
            ("ghcr.io/stefanprodan/podinfo:6.5.4", "6.5.4"),
            ("localhost:5000/podinfo", "latest"),
            ("podinfo:6.0.0@sha256:abc", "6.0.0"),
            ("podinfo@sha256:abc", "sha256:abc"),
        ] {
            assert_eq!(pull(reference).unwrap().tag, tag, "{reference}");
        }
    }

    #[test]
    fn a_missing_tag_or_a_malformed_reference_cannot_be_pulled() {
        for reference in ["podinfo:does-not-exist", "podinfo:6.0.0-missing", "podinfo:notfound"] {
            assert!(matches!(pull(reference), Err(Unavailable::NotFound(_))), "{reference}");
        }
        for reference in ["", "Podinfo:1", "podinfo:", "a//b", "podinfo:6 5", "/podinfo"] {
            assert!(matches!(pull(reference), Err(Unavailable::Invalid(_))), "{reference}");
        }
    }
}
