//! One object a line, for programs.

use std::io::{self, Write};

use ::sandbox::Sandbox;
use serde::Serialize;

use super::View;
use crate::demo::{News, Summary};

/// A line; the order of its fields is that of the documentation.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Object<'a> {
    Doors { kubeconfig: &'a str, gateway: &'a str, prometheus: &'a str },
    Step { canary: &'a str, release: usize, weight: i32, measured: f64, requests: u64, failed: u64, lost: u64 },
    Event { canary: &'a str, r#type: &'a str, reason: &'a str, message: &'a str, after: u64 },
    Summary { promoted: usize, rolled_back: usize, requests: u64, failed: u64, lost: u64 },
}

/// Writes steps and events as they come.
pub(super) struct Json;

impl View for Json {
    fn hear(&mut self, news: &News) -> io::Result<()> {
        let object = match news {
            News::Step(step) => Object::Step {
                canary: &step.canary,
                release: step.release,
                weight: step.weight,
                measured: (step.share * 100.0).round() / 100.0,
                requests: step.requests,
                failed: step.failed,
                lost: step.lost,
            },
            News::Event(told) => Object::Event {
                canary: &told.canary,
                r#type: &told.kind,
                reason: &told.reason,
                message: &told.message,
                after: told.after.as_secs(),
            },
            News::Applied { .. } | News::Loaded { .. } | News::Status { .. } => return Ok(()),
        };
        write(&mut io::stdout().lock(), &object)
    }
}

/// The first line.
pub(super) fn doors(out: &mut impl Write, sandbox: &Sandbox) -> io::Result<()> {
    let kubeconfig = sandbox.kubeconfig_file().map(|path| path.display().to_string()).unwrap_or_default();
    let (gateway, prometheus) = (sandbox.gateway_url(), sandbox.metrics_url());
    write(out, &Object::Doors { kubeconfig: &kubeconfig, gateway: &gateway, prometheus: &prometheus })
}

/// The last line.
pub(super) fn summary(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let Summary { promoted, rolled_back, requests, failed, lost } = *summary;
    write(out, &Object::Summary { promoted, rolled_back, requests, failed, lost })
}

fn write(out: &mut impl Write, object: &Object<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    out.write_all(b"\n")?;
    out.flush()
}
