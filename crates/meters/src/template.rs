//! Queries of users: Go templates over the names of a canary.
//!
//! The functions `name`, `namespace`, `target`, `service`, `ingress`, `route`, `interval` and `variables` are called without a
//! dot; Go's own (`printf`, `index`, `eq` …) are there too. The texts are also fields: `{{ .Target }}` is `{{ target }}`. A variable that is missing is an error with
//! `{{ variables.x }}` and empty with `{{ index variables "x" }}`, as in Go.

use std::collections::BTreeMap;
use std::fmt;

use gotmpl::{MissingKey, Template, TemplateError, Value};

use crate::Names;

/// The longest query that a template may give: no provider takes more in a URL.
const QUERY_BYTES_MAX: usize = 64 * 1024;

/// As many turns as `range` loops in one query may take.
const RANGE_TURNS_MAX: u64 = 10_000;

/// Why a query can't be rendered, in the words that users see.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no template.
    #[error("template parsing failed")]
    Parse(#[source] TemplateError),
    /// It asks for something that isn't there. (Flagger's spelling is kept: people match on it.)
    #[error("template excution failed")]
    Execute(#[source] TemplateError),
}

/// The query of a template.
pub fn render(
    query: &str,
    names: &Names,
    interval: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, Error> {
    if !query.contains("{{") {
        return Ok(query.to_owned());
    }
    let texts = [
        ("name", &*names.name),
        ("namespace", &names.namespace),
        ("target", &names.target),
        ("service", &names.service),
        ("ingress", &names.ingress),
        ("route", &names.route),
        ("interval", interval),
    ];
    let mut template = Template::new("query").missing_key(MissingKey::Error).max_range_iters(RANGE_TURNS_MAX);
    let mut fields = BTreeMap::new();
    for (name, text) in texts {
        let text = Value::String(text.into());
        fields.insert(capitalised(name).into(), text.clone());
        template = template.func(name, move |_| Ok(text.clone()));
    }
    let variables = variables.iter().map(|(key, value)| (key.as_str().into(), Value::String(value.as_str().into())));
    let variables = Value::Map(variables.collect::<BTreeMap<_, _>>().into());
    let template = template.func("variables", move |_| Ok(variables.clone())).func("index", index);
    let template = template.parse(query).map_err(Error::Parse)?;
    let mut rendered = Bounded(String::new());
    template.execute_fmt(&mut rendered, &Value::Map(fields.into())).map_err(Error::Execute)?;
    Ok(rendered.0)
}

/// The name of a field, which Go has begin with a capital.
fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(name.len().min(1));
    first.to_uppercase() + rest
}

/// Go's `index`: what is not in a map of texts is an empty text, where the crate's own function gives nil.
fn index(arguments: &[Value]) -> Result<Value, TemplateError> {
    let (container, keys) =
        arguments.split_first().ok_or_else(|| TemplateError::Exec("index of nothing".to_owned()))?;
    keys.iter().try_fold(container.clone(), |container, key| match container.index(key)? {
        Value::Nil => Ok(Value::String("".into())),
        found => Ok(found),
    })
}

/// A text that grows no further than a query may.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if QUERY_BYTES_MAX < self.0.len() + text.len() {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn rendered(query: &str) -> Result<String, String> {
        let text = |text: &str| text.to_owned();
        let names = Names {
            name: text("cart"),
            namespace: text("shop"),
            target: text("cart-app"),
            service: text("cart-svc"),
            ingress: text("front"),
            route: text("path"),
        };
        let variables = BTreeMap::from([(text("foo"), text("bar"))]);
        render(query, &names, "1m", &variables).map_err(|error| format!("{error}: {}", error.source().unwrap()))
    }

    #[test]
    fn templates_of_users_render() {
        for (query, expected) in [
            ("vector(1)", "vector(1)"),
            ("{{ name }}.{{ namespace }} {{ target }} {{ service }}", "cart.shop cart-app cart-svc"),
            ("{{ ingress }} {{- route }}[{{ interval }}]", "frontpath[1m]"),
            (r#"a{b="{{ variables.foo }}"}"#, r#"a{b="bar"}"#),
            (r#"a{b=~"{{ .Target }}.*",c="{{ .Namespace }}"}[{{.Interval}}]"#, r#"a{b=~"cart-app.*",c="shop"}[1m]"#),
            (r#"{{ index variables "foo" }}{{ index variables "gone" }}"#, "bar"),
            (r#"{{ if eq namespace "shop" }}yes{{ else }}no{{ end }}"#, "yes"),
            (r#"{{ $t := printf "%s-%s" target namespace }}{{ $t }}"#, "cart-app-shop"),
            ("{{ range $key, $value := variables }}{{ $key }}={{ $value }}{{ end }}", "foo=bar"),
            ("{{ with variables }}{{ .foo }}{{ end }}", "bar"),
        ] {
            assert_eq!(rendered(query).as_deref(), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_is_missing_or_malformed_is_an_error() {
        for (query, beginning) in [
            ("{{ variables.gone }}", "template excution failed: "),
            ("{{ unknown }}", "template excution failed: "),
            ("{{ .Unknown }}", "template excution failed: "),
            ("{{ name", "template parsing failed: "),
        ] {
            let error = rendered(query).unwrap_err();
            assert!(error.starts_with(beginning), "{query}: {error}");
        }
    }

    #[test]
    fn a_query_has_a_bound() {
        let endless = r#"{{ define "a" }}{{ name }}{{ template "a" }}{{ end }}{{ template "a" }}"#;
        let huge = "{{ range 10000 }}xxxxxxxxxx{{ end }}";
        for query in [endless, huge] {
            assert!(rendered(query).unwrap_err().starts_with("template excution failed: "));
        }
    }
}
