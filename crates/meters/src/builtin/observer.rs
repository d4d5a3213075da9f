//! Whose metrics tell how requests to the canary fare.

use api::Canary;

/// A mesh, an ingress, or the application itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are names of products")]
pub enum Observer {
    Apisix,
    AppMesh,
    Contour,
    Gloo,
    /// The application's own metrics, in the form that its pods export.
    Http,
    Istio,
    Knative,
    Kuma,
    Linkerd,
    Nginx,
    Osm,
    Skipper,
    Traefik,
}

impl Observer {
    /// All observers.
    pub const ALL: [Self; 13] = [
        Self::Apisix,
        Self::AppMesh,
        Self::Contour,
        Self::Gloo,
        Self::Http,
        Self::Istio,
        Self::Knative,
        Self::Kuma,
        Self::Linkerd,
        Self::Nginx,
        Self::Osm,
        Self::Skipper,
        Self::Traefik,
    ];

    /// The observer for a provider as [`provider`] names it.
    ///
    /// Quirk: whatever isn't known is Istio's, `smi:*` and most providers with `:service` included, as in Flagger.
    pub fn of(provider: &str) -> Self {
        match provider {
            "apisix" => Self::Apisix,
            "contour" => Self::Contour,
            "knative" => Self::Knative,
            "kubernetes" => Self::Http,
            "kuma" => Self::Kuma,
            "linkerd" => Self::Linkerd,
            "nginx" => Self::Nginx,
            "osm" => Self::Osm,
            "skipper" => Self::Skipper,
            "traefik" => Self::Traefik,
            _ if provider.starts_with("appmesh") => Self::AppMesh,
            _ if provider.starts_with("gatewayapi") => Self::Http,
            _ if provider.starts_with("gloo") => Self::Gloo,
            _ => Self::Istio,
        }
    }
}

/// The provider of the canary's built-in metrics, which messages to users name: its own or the operator's (`-mesh-provider`).
pub fn provider(canary: &Canary, mesh_provider: &str) -> String {
    let own = canary.spec.provider.as_deref().filter(|provider| !provider.is_empty());
    let provider = match own {
        // A gateway in front of Linkerd: Linkerd measures.
        Some(_) if mesh_provider.contains("linkerd") => "linkerd",
        Some(own) => own,
        None if mesh_provider.contains("crossover") => "crossover",
        None => mesh_provider,
    };
    let target = &canary.spec.target_ref;
    let suffix = if target.kind == "Service" && !target.is_knative() { ":service" } else { "" };
    format!("{provider}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canarys_provider_decides_and_linkerd_measures_what_passes_it() {
        let observer = |own: &str, mesh: &str, kind: &str| {
            let mut canary = Canary::default();
            canary.spec.provider = Some(own.to_owned());
            canary.spec.target_ref.kind = kind.to_owned();
            let provider = provider(&canary, mesh);
            (Observer::of(&provider), provider)
        };
        for (own, mesh, kind, expected, name) in [
            ("", "istio", "Deployment", Observer::Istio, "istio"),
            ("gatewayapi:v1", "istio", "Deployment", Observer::Http, "gatewayapi:v1"),
            ("gatewayapi:v1beta1", "linkerd", "Deployment", Observer::Linkerd, "linkerd"),
            ("", "appmesh:v1beta2", "Deployment", Observer::AppMesh, "appmesh:v1beta2"),
            ("", "smi:crossover", "Deployment", Observer::Istio, "crossover"),
            ("kubernetes", "istio", "Service", Observer::Istio, "kubernetes:service"),
            ("gloo", "istio", "Service", Observer::Gloo, "gloo:service"),
        ] {
            assert_eq!(observer(own, mesh, kind), (expected, name.to_owned()));
        }
    }
}
