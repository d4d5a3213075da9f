//! Queries of users: Go templates over the names of a canary.
//!
//! A name is a function that is called without a dot (`{{ target }}`) and a field (`{{ .Target }}`); Go's own functions
//! (`printf`, `index`, `eq` …) are there too. A variable that is missing is an error with `{{ variables.x }}` and empty with
//! `{{ index variables "x" }}`, as in Go.

mod blocks;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use gotmpl::{MissingKey, Template, TemplateError, Value};

use crate::Names;

pub use self::blocks::Unbalanced;

/// The longest query that a template may give: no provider takes more in a URL.
const QUERY_BYTES_MAX: usize = 64 * 1024;

/// As many turns as `range` loops in one query may take.
const RANGE_TURNS_MAX: u64 = 10_000;

/// A text that a template can ask for by name.
struct Word {
    function: &'static str,
    field: &'static str,
    meaning: &'static str,
    /// Its value, given the names of the canary and the interval of the metric.
    value: for<'a> fn(&'a Names, &'a str) -> &'a str,
}

/// All texts, in the order of the reference page.
const WORDS: [Word; 7] = [
    Word { function: "name", field: "Name", meaning: "the canary", value: |names, _| &names.name },
    Word { function: "namespace", field: "Namespace", meaning: "its namespace", value: |names, _| &names.namespace },
    Word { function: "target", field: "Target", meaning: "the target workload", value: |names, _| &names.target },
    Word {
        function: "service",
        field: "Service",
        meaning: "the apex Service: `service.name`, or else the target",
        value: |names, _| &names.service,
    },
    Word {
        function: "ingress",
        field: "Ingress",
        meaning: "the Ingress of `ingressRef`, or else the target",
        value: |names, _| &names.ingress,
    },
    Word {
        function: "route",
        field: "Route",
        meaning: "the route of `routeRef`, or else the target; with Knative the revision under test",
        value: |names, _| &names.route,
    },
    Word {
        function: "interval",
        field: "Interval",
        meaning: "the metric's `interval`, `1m` unless it has one",
        value: |_, interval| interval,
    },
];

/// The reference of all names as a Markdown table.
pub fn markdown() -> String {
    let mut text = String::from("| Function | Field | Stands for |\n|---|---|---|\n");
    for Word { function, field, meaning, .. } in WORDS {
        // Writing to a `String` can't fail.
        let _ = writeln!(text, "| `{{{{ {function} }}}}` | `{{{{ .{field} }}}}` | {meaning} |");
    }
    text.push_str("| `{{ variables.x }}` | `{{ .Variables.x }}` | the metric's `templateVariables` |\n");
    text
}

/// Why a query can't be rendered, in the words that users see.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no template.
    #[error("template parsing failed")]
    Parse(#[source] TemplateError),
    /// Its blocks are not closed as they should be.
    #[error("template parsing failed")]
    Blocks(#[source] Unbalanced),
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
    let variables = variables.iter().map(|(key, value)| (key.as_str().into(), Value::String(value.as_str().into())));
    let variables = Value::Map(variables.collect::<BTreeMap<_, _>>().into());
    let mut fields = BTreeMap::from([("Variables".into(), variables.clone())]);
    let mut template = Template::new("query").missing_key(MissingKey::Error).max_range_iters(RANGE_TURNS_MAX);
    for Word { function, field, value, .. } in WORDS {
        let text = Value::String(value(names, interval).into());
        fields.insert(field.into(), text.clone());
        template = template.func(function, move |_| Ok(text.clone()));
    }
    let template = template.func("variables", move |_| Ok(variables.clone())).func("index", index);
    let template = template.parse(query).map_err(Error::Parse)?;
    blocks::check(query).map_err(Error::Blocks)?;
    let mut rendered = Bounded(String::new());
    template.execute_fmt(&mut rendered, &Value::Map(fields.into())).map_err(Error::Execute)?;
    Ok(rendered.0)
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
            (r#"{{ index variables "foo" }}{{ index variables "gone" }}"#, "bar"),
            (r#"{{ if eq namespace "shop" }}yes{{ else }}no{{ end }}"#, "yes"),
            (r#"{{ if eq name "a" }}1{{ else if eq name "cart" }}2{{ else }}3{{ end }} rest"#, "2 rest"),
            (r#"{{ $t := printf "%s-%s" target namespace }}{{ $t }}"#, "cart-app-shop"),
            ("{{ range $key, $value := variables }}{{ $key }}={{ $value }}{{ end }}", "foo=bar"),
            ("{{ with variables }}{{ .foo }}{{ end }}", "bar"),
            ("{{ .Name }}.{{ .Namespace }} {{ .Target }} {{ .Service }}", "cart.shop cart-app cart-svc"),
            ("{{ .Ingress }} {{ .Route }}[{{ .Interval }}] {{ .Variables.foo }}", "front path[1m] bar"),
            (r#"{{ if ne (index .Variables "gone") "" }}yes{{ else }}{{ printf "%.2f" 0.5 }}{{ end }}"#, "0.50"),
        ] {
            assert_eq!(rendered(query).as_deref(), Ok(expected), "{query}");
        }
    }

    #[test]
    fn the_queries_of_the_documented_set_ups_render() {
        // The multi-tenant set-up on Istio.
        let conversion = r#"sum(rate(podinfo_requests_total{deployment=~"{{ .Target }}.*"}[{{ .Interval }}])) /
sum(rate(http_requests_total{deployment=~"{{ .Target }}.*"}[{{ .Interval }}])) * 100"#;
        let expected = r#"sum(rate(podinfo_requests_total{deployment=~"cart-app.*"}[1m])) /
sum(rate(http_requests_total{deployment=~"cart-app.*"}[1m])) * 100"#;
        assert_eq!(rendered(conversion).as_deref(), Ok(expected));
        let success = r#"sum(rate(istio_requests_total{response_code!~"5.*"}[{{ .Interval }}])) /
sum(rate(istio_requests_total[{{ .Interval }}])) * 100"#;
        let expected = r#"sum(rate(istio_requests_total{response_code!~"5.*"}[1m])) /
sum(rate(istio_requests_total[1m])) * 100"#;
        assert_eq!(rendered(success).as_deref(), Ok(expected));
        let latency = "histogram_quantile(0.99,
  sum(rate(istio_request_duration_milliseconds_bucket[{{ .Interval }}])) by (le)
)";
        assert_eq!(rendered(latency).as_deref(), Ok(&*latency.replace("{{ .Interval }}", "1m")));
        // The staging set-up with Flux.
        let custom = r#"rate(
  custom_requests_total{
    kubernetes_namespace="{{ namespace }}",
    kubernetes_pod_name=~"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"
  }[1m]
)
"#;
        let expected = custom.replace("{{ namespace }}", "shop").replace("{{ target }}", "cart-app");
        assert_eq!(rendered(custom), Ok(expected));
    }

    #[test]
    fn what_is_missing_or_malformed_is_an_error() {
        for (query, beginning) in [
            ("{{ variables.gone }}", "template excution failed: "),
            ("{{ unknown }}", "template excution failed: "),
            ("{{ .Unknown }}", "template excution failed: "),
            ("{{ .Variables.gone }}", "template excution failed: "),
            ("{{ if true }}", "template parsing failed: "),
            ("a{{ end }} / b", "template parsing failed: unexpected {{end}}"),
            ("a{{ else }}{{ end }}", "template parsing failed: unexpected {{else}}"),
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
