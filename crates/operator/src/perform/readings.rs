//! Effects that ask metric providers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::{CanaryMetric, MetricProviderType, MetricTemplate};
use http::{Request, Response};
use meters::builtin::{self, Observer};
use meters::{Credentials, Meter, Names, NoData, Reading, Server, template};
use ports::{Key, kinds};
use rollout::words::MeterFault;
use rollout::{Measured, Outcome, Source};
use serde_json::Value;

use super::{Failed, World};
use crate::cause::chain;
use crate::drive::Shell;
use crate::secret;
use crate::web::{Options, Route};

/// How long a provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The window of a metric that names none. (The reference leaves it empty for templates, which several providers refuse.)
const INTERVAL: &str = "1m";

impl World<'_> {
    /// Takes the reading for a check of the plan.
    pub(super) async fn measure(&mut self, check: usize) -> Outcome {
        let plan = self.plan;
        let Some(check) = plan.checks.get(check) else {
            return Outcome::Failed("the plan has no such check".to_owned());
        };
        let canary = self.canary;
        let Some(metric) = canary.spec.analysis.metrics.get(check.metric) else {
            return Outcome::Failed("the canary has no such metric".to_owned());
        };
        let measured = match &check.source {
            Source::SuccessRate => self.builtin(metric, builtin::Check::SuccessRate).await,
            Source::Duration => self.builtin(metric, builtin::Check::RequestDuration).await,
            Source::Query => self.inline(metric).await,
            Source::Template { name, namespace } => self.template(metric, name, namespace).await,
            Source::Unusable => Ok(Measured::NoData("no query".to_owned())),
        };
        let measured = measured.unwrap_or_else(Measured::Fault);
        if let Measured::Value(value) = measured {
            // Durations are measured in milliseconds and exported in seconds, as the reference does.
            let exported = if check.source == Source::Duration { value / 1000.0 } else { value };
            self.shell.metrics.analysis(&plan.target, &plan.namespace, &check.name, exported);
        }
        Outcome::Measured(measured)
    }

    /// Whether every provider that the canary's metrics need is there, and answers.
    pub(super) async fn check_meters(&mut self) -> Result<Outcome, Failed> {
        let plan = self.plan;
        let mut asked = Vec::new();
        let templates = plan.checks.iter().filter_map(|check| match &check.source {
            Source::Template { name, namespace } => Some((name, namespace)),
            Source::SuccessRate | Source::Duration | Source::Query | Source::Unusable => None,
        });
        for (name, namespace) in templates.collect::<BTreeSet<_>>() {
            match self.template_of(name, namespace).await {
                Ok(template) => asked.push((name, namespace, template)),
                Err(fault) => return Ok(Outcome::Missing(fault.of_template(name, namespace))),
            }
        }
        let is_ours = |source: &Source| matches!(source, Source::SuccessRate | Source::Duration | Source::Query);
        if plan.checks.iter().any(|check| is_ours(&check.source)) {
            self.prometheus_online().await.map_err(|error| format!("prometheus not avaiable: {error}"))?;
        }
        for (name, namespace, template) in asked {
            let kind = provider_name(template.meter.provider());
            let online = online(self.shell, template.meter, &template.server(), template.insecure()).await;
            online.map_err(|error| format!("{kind} in metric template {name}.{namespace} not avaiable: {error}"))?;
        }
        Ok(Outcome::Done)
    }

    async fn builtin(&mut self, metric: &CanaryMetric, check: builtin::Check) -> Result<Measured, MeterFault> {
        let provider = builtin::provider(self.canary, &self.shell.settings.mesh_provider);
        let observer = Observer::of(&provider);
        let query = builtin::query(observer, check, &self.names().await?, interval(metric));
        Ok(match self.prometheus(&query).await? {
            Reading::Value(answer) => Measured::Value(builtin::value(observer, check, answer)),
            Reading::NoData(reason) => Measured::NoData(builtin::no_data(reason)),
        })
    }

    async fn inline(&mut self, metric: &CanaryMetric) -> Result<Measured, MeterFault> {
        let query = metric.query.as_deref().unwrap_or_default();
        let names = self.names().await?;
        let query = render(&names, metric, query).map_err(|error| MeterFault::Query(chain(&error)))?;
        Ok(measured(self.prometheus(&query).await?))
    }

    async fn template(&mut self, metric: &CanaryMetric, name: &str, namespace: &str) -> Result<Measured, MeterFault> {
        let asked = self.template_of(name, namespace).await?;
        let names = self.names().await?;
        let query =
            render(&names, metric, &asked.template.spec.query).map_err(|error| MeterFault::Render(chain(&error)))?;
        let reading = read(self.shell, asked.meter, &asked.server(), asked.insecure(), &query).await;
        reading.map(measured).map_err(MeterFault::Query)
    }

    /// The names that a query is about; Knative knows a revision, and not a Service, by its metrics.
    async fn names(&mut self) -> Result<Names, MeterFault> {
        let mut names = Names::of(self.canary);
        if self.canary.spec.target_ref.is_knative() {
            let key = Key::new(kinds::KNATIVE_SERVICE, &*names.namespace, &*names.target);
            let service = self.object(key).await.map_err(MeterFault::Knative)?;
            let latest = service.as_ref().and_then(|service| service["status"]["latestCreatedRevisionName"].as_str());
            let latest = latest.ok_or_else(|| MeterFault::Knative("it has no revision".to_owned()))?;
            latest.clone_into(&mut names.route);
        }
        Ok(names)
    }

    /// The Prometheus that answers built-in checks and inline queries of this canary.
    async fn prometheus(&self, query: &str) -> Result<Reading, MeterFault> {
        let (address, headers) = (self.metrics_server(), BTreeMap::new());
        let server = Server { address, headers: &headers, credentials: None };
        let meter = meters::find(builtin::PROVIDER).map_err(|error| MeterFault::Query(chain(&error)))?;
        read(self.shell, meter, &server, false, query).await.map_err(MeterFault::Query)
    }

    async fn prometheus_online(&self) -> Result<(), Failed> {
        prometheus_online(self.shell, self.metrics_server()).await
    }

    fn metrics_server(&self) -> &str {
        self.canary.spec.metrics_server.as_deref().unwrap_or(&self.shell.settings.metrics_server)
    }

    /// A template with all that its provider needs.
    async fn template_of(&mut self, name: &str, namespace: &str) -> Result<Asked, MeterFault> {
        let key = Key::new(kinds::METRIC_TEMPLATE, namespace, name);
        let found = self.object(key).await.map_err(MeterFault::Template)?;
        let Some(object) = found else {
            let error = format!("metrictemplates.flagger.app {name:?} not found");
            return Err(MeterFault::Template(error));
        };
        let template: MetricTemplate =
            serde_json::from_value((*object).clone()).map_err(|error| MeterFault::Template(error.to_string()))?;
        let provider = template.spec.provider.type_;
        let meter = meters::find(provider)
            .map_err(|error| MeterFault::Provider { provider: provider_name(provider), error: chain(&error) })?;
        let credentials = match &template.spec.provider.secret_ref {
            None => None,
            Some(secret) => {
                let key = Key::new(kinds::SECRET, namespace, &secret.name);
                let failed = |error| MeterFault::Secret { secret: secret.name.clone(), error };
                Some(self.credentials(key).await.map_err(failed)?)
            }
        };
        Ok(Asked { template, meter, credentials })
    }

    async fn credentials(&mut self, key: Key) -> Result<Credentials, Failed> {
        let not_found = format!("secrets {:?} not found", key.name);
        let secret = self.object(key).await?.ok_or(not_found)?;
        Ok(Credentials::new(secret::data(&secret)))
    }
}

/// A metric template, who answers it, and with which credentials.
struct Asked {
    template: MetricTemplate,
    meter: &'static dyn Meter,
    credentials: Option<Credentials>,
}

impl Asked {
    fn server(&self) -> Server<'_> {
        let provider = &self.template.spec.provider;
        Server {
            address: provider.address.as_deref().unwrap_or_default(),
            headers: &provider.headers,
            credentials: self.credentials.as_ref(),
        }
    }

    fn insecure(&self) -> bool {
        self.template.spec.provider.insecure_skip_verify
    }
}

impl Shell {
    /// Says at the start whether the Prometheus of the flags answers; it may come up later.
    pub(crate) async fn check_metrics_server(&self) {
        match prometheus_online(self, &self.settings.metrics_server).await {
            Ok(()) => tracing::info!(address = self.settings.metrics_server, "connected to the metrics server"),
            Err(error) => {
                tracing::error!(address = self.settings.metrics_server, error, "the metrics server is not available");
            }
        }
    }
}

async fn prometheus_online(shell: &Shell, address: &str) -> Result<(), Failed> {
    let headers = BTreeMap::new();
    let server = Server { address, headers: &headers, credentials: None };
    let meter = meters::find(builtin::PROVIDER).map_err(|error| chain(&error))?;
    online(shell, meter, &server, false).await
}

async fn online(shell: &Shell, meter: &dyn Meter, server: &Server<'_>, insecure: bool) -> Result<(), Failed> {
    let request = meter.online_request(server).map_err(|error| chain(&error))?;
    let response = send(shell, request, insecure).await?;
    meter.online(&response).map_err(|error| chain(&error))
}

async fn read(
    shell: &Shell,
    meter: &dyn Meter,
    server: &Server<'_>,
    insecure: bool,
    query: &str,
) -> Result<Reading, Failed> {
    let request = meter.request(server, query).map_err(|error| chain(&error))?;
    let response = send(shell, request, insecure).await?;
    meter.reading(&response).map_err(|error| chain(&error))
}

async fn send(shell: &Shell, request: Request<Vec<u8>>, insecure: bool) -> Result<Response<Vec<u8>>, Failed> {
    let options = Options { timeout: TIMEOUT, route: Route { insecure, proxy: None } };
    shell.web.send(request, &options).await.map_err(|error| error.to_string())
}

fn render(names: &Names, metric: &CanaryMetric, query: &str) -> Result<String, template::Error> {
    template::render(query, names, interval(metric), &metric.template_variables)
}

fn interval(metric: &CanaryMetric) -> &str {
    metric.interval.as_deref().filter(|interval| !interval.is_empty()).unwrap_or(INTERVAL)
}

fn measured(reading: Reading) -> Measured {
    match reading {
        Reading::Value(value) => Measured::Value(value),
        Reading::NoData(reason @ (NoData::NoValues | NoData::MultipleValues)) => Measured::NoData(reason.to_string()),
    }
}

/// The provider's type as the template writes it.
fn provider_name(provider: MetricProviderType) -> String {
    match serde_json::to_value(provider) {
        Ok(Value::String(name)) => name,
        _ => format!("{provider:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_metric_without_an_interval_looks_back_one_minute() {
        let names = Names::of(&api::Canary::new("cart", api::CanarySpec::default()));
        let rendered = |interval: Option<&str>| {
            let metric = CanaryMetric { interval: interval.map(str::to_owned), ..CanaryMetric::default() };
            render(&names, &metric, "rate(requests[{{ interval }}])").unwrap()
        };
        assert_eq!(rendered(None), "rate(requests[1m])");
        assert_eq!(rendered(Some("")), "rate(requests[1m])");
        assert_eq!(rendered(Some("30s")), "rate(requests[30s])");
    }
}
