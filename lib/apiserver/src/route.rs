//! A path of the API and what it names.

/// What a path under `/api` or `/apis` names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(&'a str),
    /// `/api/v1` or `/apis/GROUP/VERSION`
    GroupVersion { group: &'a str, version: &'a str },
    /// A collection, an object or a subresource.
    Resource(Place<'a>),
}

/// A collection, an object or a subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) plural: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    pub(crate) subresource: Option<&'a str>,
    /// The deprecated `/watch/` prefix.
    pub(crate) watch: bool,
}

impl<'a> Route<'a> {
    /// Nothing if the path is not of the API.
    pub(crate) fn parse(path: &'a str) -> Option<Route<'a>> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["api"] => Some(Route::CoreVersions),
            ["apis"] => Some(Route::Groups),
            ["apis", group] => Some(Route::Group(group)),
            ["api", version] => Some(Route::GroupVersion { group: "", version }),
            ["apis", group, version] => Some(Route::GroupVersion { group, version }),
            ["api", version, rest @ ..] => Place::parse("", version, rest).map(Route::Resource),
            ["apis", group, version, rest @ ..] => Place::parse(group, version, rest).map(Route::Resource),
            _ => None,
        }
    }
}

impl<'a> Place<'a> {
    fn parse(group: &'a str, version: &'a str, rest: &[&'a str]) -> Option<Place<'a>> {
        let (watch, rest) = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
            rest => (false, rest),
        };
        let place = |namespace, plural, name, subresource| {
            Some(Place { group, version, plural, namespace, name, subresource, watch })
        };
        match rest {
            [plural] => place(None, plural, None, None),
            // `/namespaces/x/finalize` is a subresource of the namespace, `/namespaces/x/pods` a collection in it.
            ["namespaces", name, sub @ ("status" | "finalize")] if group.is_empty() => {
                place(None, "namespaces", Some(*name), Some(*sub))
            }
            ["namespaces", namespace, plural] => place(Some(*namespace), plural, None, None),
            ["namespaces", namespace, plural, name] => place(Some(*namespace), plural, Some(*name), None),
            ["namespaces", namespace, plural, name, sub] => place(Some(*namespace), plural, Some(*name), Some(*sub)),
            [plural, name] => place(None, plural, Some(*name), None),
            [plural, name, sub] => place(None, plural, Some(*name), Some(*sub)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_an_object_and_a_place() {
        let named = |path| match Route::parse(path) {
            Some(Route::Resource(place)) => (place.plural, place.namespace, place.name, place.subresource),
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(named("/api/v1/namespaces"), ("namespaces", None, None, None));
        assert_eq!(named("/api/v1/namespaces/a"), ("namespaces", None, Some("a"), None));
        assert_eq!(named("/api/v1/namespaces/a/finalize"), ("namespaces", None, Some("a"), Some("finalize")));
        assert_eq!(named("/api/v1/namespaces/a/pods/b/log"), ("pods", Some("a"), Some("b"), Some("log")));
        assert_eq!(named("/apis/apps/v1/deployments"), ("deployments", None, None, None));
        assert_eq!(Route::parse("/metrics"), None);
    }
}
