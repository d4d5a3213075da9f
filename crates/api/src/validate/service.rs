//! Ports and timeouts of the services and routes.

use super::Findings;
use crate::{CanaryService, CanarySpec, IntOrString};

const PORT_MAX: i32 = 65_535;

pub(super) fn check(spec: &CanarySpec, findings: &mut Findings) {
    ports(spec, findings);
    timeouts(&spec.service, findings);
}

fn ports(spec: &CanarySpec, findings: &mut Findings) {
    let service = &spec.service;
    // Knative makes its own services, so there the port may be left out.
    if !(spec.target_ref.is_knative() && service.port == 0) {
        findings.range("spec.service.port", service.port, 1, PORT_MAX);
    }
    // Number 0 is an absent target port in Kubernetes' own encoding.
    if let Some(IntOrString::Int(port)) = service.target_port {
        findings.range("spec.service.targetPort", port, 0, PORT_MAX);
    }
    for (index, gateway) in service.gateway_refs.iter().enumerate() {
        if let Some(port) = gateway.port {
            findings.range(&format!("spec.service.gatewayRefs[{index}].port"), port, 1, PORT_MAX);
        }
    }
    for (index, mirror) in service.mirror.iter().enumerate() {
        if let Some(port) = mirror.backend_ref.port {
            findings.range(&format!("spec.service.mirror[{index}].backendRef.port"), port, 1, PORT_MAX);
        }
    }
}

fn timeouts(service: &CanaryService, findings: &mut Findings) {
    let per_try = service.retries.as_ref().and_then(|retries| retries.per_try_timeout.as_ref());
    for (field, timeout) in [
        ("spec.service.timeout", service.timeout.as_ref()),
        ("spec.service.backendTimeout", service.backend_timeout.as_ref()),
        ("spec.service.retries.perTryTimeout", per_try),
    ] {
        findings.duration(field, timeout.map_or("", String::as_str));
    }
}
