//! The names of everything that is generated for a canary.

use crate::Canary;

/// The service that users address: `service.name`, or the target's name.
pub fn apex_service(canary: &Canary) -> &str {
    let name = canary.spec.service.name.as_deref().filter(|name| !name.is_empty());
    name.unwrap_or(&canary.spec.target_ref.name)
}

/// The service in front of the primary's pods.
pub fn primary_service(canary: &Canary) -> String {
    format!("{}-primary", apex_service(canary))
}

/// The service in front of the canary's pods.
pub fn canary_service(canary: &Canary) -> String {
    format!("{}-canary", apex_service(canary))
}

/// The workload that runs the promoted revision; it follows the target's name, whatever the service is called.
pub fn primary_workload(canary: &Canary) -> String {
    format!("{}-primary", canary.spec.target_ref.name)
}

/// The Ingress in front of the apex service: `ingressRef`, or that of the target's name.
pub fn ingress(canary: &Canary) -> &str {
    canary.spec.ingress_ref.as_ref().map_or(&canary.spec.target_ref.name, |reference| &reference.name)
}

/// The autoscaler of the primary, if the target has one.
pub fn primary_autoscaler(canary: &Canary) -> Option<String> {
    canary.spec.autoscaler_ref.as_ref().map(|autoscaler| format!("{}-primary", autoscaler.name))
}

/// The primary's copy of a ConfigMap or Secret.
pub fn primary_config(name: &str) -> String {
    format!("{name}-primary")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AutoscalerRef, CanarySpec};

    #[test]
    fn services_follow_the_service_name_and_workloads_the_target() {
        let mut canary = Canary::new("shop", CanarySpec::default());
        canary.spec.target_ref.name = "cart".into();
        canary.spec.service.name = Some(String::new());
        assert_eq!(apex_service(&canary), "cart");
        assert_eq!(primary_autoscaler(&canary), None);

        canary.spec.service.name = Some("web".into());
        canary.spec.autoscaler_ref = Some(AutoscalerRef { name: "cart-hpa".into(), ..Default::default() });
        assert_eq!(apex_service(&canary), "web");
        assert_eq!(primary_service(&canary), "web-primary");
        assert_eq!(canary_service(&canary), "web-canary");
        assert_eq!(primary_workload(&canary), "cart-primary");
        assert_eq!(primary_autoscaler(&canary).as_deref(), Some("cart-hpa-primary"));
    }
}
