//! The command line of the operator: the original's flags, by the original's rules.
//!
//! `table.rs` lists the flags, [`Settings`] is what they mean. A flag that has no effect (yet) is accepted and named in
//! [`Settings::warnings`], so that it is never silently ignored.
//!
//! Start reading at [`parse`].

mod chat;
mod table;

use std::path::PathBuf;

use process::flags::{
    Misread, Typed, filled, flag, list, log_encoding, log_level, number, optional_url, parse_bool, port, url, warnings,
    wrong,
};

use self::table::FLAGS;
use crate::cluster::Access;
use crate::telemetry::{Encoding, Level};

pub use process::flags::{Exit, Stream};

pub use self::chat::GlobalChat;
pub use self::table::markdown;

/// More threads than this find nothing to do: looks wait for the network.
const THREADS_MAX: usize = 64;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How to reach the cluster.
    pub access: Access,
    /// The kubeconfig of the cluster with the routing objects, when it has one of its own.
    pub mesh_kubeconfig: Option<PathBuf>,
    /// The namespace of the lease that one of several replicas leads by; without one there is no election.
    pub election_namespace: Option<String>,
    /// Threads that look after canaries.
    pub threads: usize,
    /// Requests to the API server in a second.
    pub requests_per_sec: u32,
    /// Requests to the API server that may go at once.
    pub requests_burst: u32,
    /// The namespace whose canaries are looked after; all without one.
    pub namespace: Option<String>,
    /// The provider of canaries that do not name one.
    pub mesh_provider: String,
    /// How the annotations begin that the NGINX ingress controller listens to.
    pub ingress_annotations_prefix: String,
    /// The Prometheus for the built-in checks: a URL with scheme and host.
    pub metrics_server: String,
    /// Labels that select pods, in order of preference.
    pub selector_labels: Vec<String>,
    /// Prefixes of the labels and annotations that primaries get; `*` for all.
    pub include_label_prefixes: Vec<String>,
    /// Whether a target's configuration (ConfigMap, Secret) gets primary copies and is watched.
    pub config_tracking: bool,
    /// Where the events of canaries go that have no event webhook of their own: a URL with scheme and host.
    pub event_webhook: Option<String>,
    /// The name of the cluster, which alerts show unless it is empty.
    pub cluster_name: String,
    /// Where the alerts of canaries go that name no receiver.
    pub chat: Option<GlobalChat>,
    /// Whether references may lead to other namespaces.
    pub cross_namespace_refs: bool,
    /// The port of `/healthz` and `/metrics`.
    pub port: u16,
    /// The least important kind of log line.
    pub log_level: Level,
    /// The form of log lines.
    pub log_encoding: Encoding,
    /// What of the command line has no effect, in sentences for the log.
    pub warnings: Vec<String>,
}

/// Understands the command line (without the program's name) and the environment.
pub fn parse(args: impl Iterator<Item = String>, env: impl Fn(&str) -> Option<String>) -> Result<Settings, Exit> {
    let settings = Typed::read(&FLAGS, args, env).and_then(|typed| match parse_bool(typed.text("version")) {
        Some(true) => Ok(None),
        _ => settings(&typed).map(Some),
    });
    match settings {
        Ok(Some(settings)) => Ok(settings),
        Ok(None) => Err(Exit::version(version())),
        Err(misread) => Err(Exit::of(&misread, &FLAGS)),
    }
}

/// The line that `-version` prints.
pub fn version() -> String {
    let revision = option_env!("FLAGGER_REVISION").unwrap_or("unknown");
    format!("Flagger version {} revision {revision}\n", env!("CARGO_PKG_VERSION"))
}

/// What the typed flags mean.
fn settings(typed: &Typed) -> Result<Settings, Misread> {
    let mut warnings = warnings(typed);
    Ok(Settings {
        access: Access { kubeconfig: filled(typed, "kubeconfig").map(PathBuf::from), master: filled(typed, "master") },
        mesh_kubeconfig: filled(typed, "kubeconfig-service-mesh")
            .filter(|path| path != typed.text("kubeconfig"))
            .map(PathBuf::from),
        election_namespace: flag(typed, "enable-leader-election").then(|| election_namespace(typed)),
        threads: number(typed, "threadiness")?.try_into().unwrap_or(THREADS_MAX).min(THREADS_MAX),
        requests_per_sec: number(typed, "kubeconfig-qps")?,
        requests_burst: number(typed, "kubeconfig-burst")?,
        namespace: filled(typed, "namespace"),
        mesh_provider: typed.text("mesh-provider").to_owned(),
        ingress_annotations_prefix: ingress_annotations_prefix(typed)?,
        metrics_server: url(typed, "metrics-server")?,
        selector_labels: list(typed, "selector-labels"),
        include_label_prefixes: list(typed, "include-label-prefix"),
        config_tracking: flag(typed, "enable-config-tracking"),
        event_webhook: optional_url(typed, "event-webhook")?,
        cluster_name: typed.text("cluster-name").to_owned(),
        chat: chat::of(typed, &mut warnings),
        cross_namespace_refs: !flag(typed, "no-cross-namespace-refs"),
        port: port(typed, "port")?,
        log_level: log_level(typed, &mut warnings),
        log_encoding: log_encoding(typed)?,
        warnings,
    })
}

/// An operator of one namespace keeps its lease there, whatever the flag says: it may have no rights anywhere else.
fn election_namespace(typed: &Typed) -> String {
    filled(typed, "namespace").unwrap_or_else(|| typed.text("leader-election-namespace").to_owned())
}

/// Without it the annotations would have no names.
fn ingress_annotations_prefix(typed: &Typed) -> Result<String, Misread> {
    let name = "ingress-annotations-prefix";
    filled(typed, name).ok_or_else(|| wrong(typed, name, "must not be empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_env(line: &str, env: &[(&str, &str)]) -> Result<Settings, Exit> {
        let env = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        parse(line.split_whitespace().map(str::to_owned), env)
    }

    fn read(line: &str) -> Settings {
        with_env(line, &[]).unwrap()
    }

    /// The first line of what is printed, and the status.
    fn refused(line: &str) -> (String, u8) {
        let exit = with_env(line, &[]).unwrap_err();
        (exit.text.lines().next().unwrap_or_default().to_owned(), exit.code)
    }

    #[test]
    fn without_flags_the_documented_defaults_hold() {
        let expected = Settings {
            access: Access::default(),
            mesh_kubeconfig: None,
            election_namespace: None,
            threads: 2,
            requests_per_sec: 100,
            requests_burst: 250,
            namespace: None,
            mesh_provider: "istio".to_owned(),
            ingress_annotations_prefix: "nginx.ingress.kubernetes.io".to_owned(),
            metrics_server: "http://prometheus:9090".to_owned(),
            selector_labels: ["app", "name", "app.kubernetes.io/name"].map(str::to_owned).into(),
            include_label_prefixes: Vec::new(),
            config_tracking: true,
            event_webhook: None,
            cluster_name: String::new(),
            chat: None,
            cross_namespace_refs: true,
            port: 8080,
            log_level: Level::Debug,
            log_encoding: Encoding::Json,
            warnings: Vec::new(),
        };
        assert_eq!(read(""), expected);
    }

    #[test]
    fn one_dash_or_two_and_a_value_after_space_or_equals_sign_mean_the_same() {
        for line in [
            "-namespace=test",
            "--namespace=test",
            "-namespace test",
            "--namespace test",
            "-namespace a -namespace=test",
        ] {
            assert_eq!(read(line).namespace.as_deref(), Some("test"), "{line}");
        }
        assert_eq!(read("-metrics-server=http://p:9090/?a=b").metrics_server, "http://p:9090/?a=b");
    }

    #[test]
    fn booleans_take_their_value_only_after_an_equals_sign() {
        assert!(!read("-no-cross-namespace-refs").cross_namespace_refs);
        assert!(read("-no-cross-namespace-refs=F").cross_namespace_refs);
        assert!(!read("-enable-config-tracking=false").config_tracking);
        let settings = read("-no-cross-namespace-refs true -namespace test");
        assert_eq!(settings.namespace, None);
        let warning = r#"arguments from "true" on are ignored; a boolean flag takes its value after =, as in -x=true"#;
        assert_eq!(settings.warnings, [warning]);
    }

    #[test]
    fn what_can_not_be_understood_ends_with_usage_and_status_2() {
        for (line, message) in [
            ("-nope", "flag provided but not defined: -nope"),
            ("-nope=1", "flag provided but not defined: -nope"),
            ("---namespace x", "bad flag syntax: ---namespace"),
            ("-=x", "bad flag syntax: -=x"),
            ("-namespace", "flag needs an argument: -namespace"),
            ("-version=maybe", r#"invalid value "maybe" for flag -version: must be true or false"#),
            ("-threadiness two", r#"invalid value "two" for flag -threadiness: must be a whole number"#),
            (
                "-control-loop-interval 10",
                r#"invalid value "10" for flag -control-loop-interval: a duration needs a unit (ns, us, ms, s, m or h) after each number"#,
            ),
            ("-port 99999", r#"invalid value "99999" for flag -port: must be a port from 0 to 65535"#),
            ("-kubeconfig-qps 0", r#"invalid value "0" for flag -kubeconfig-qps: must be a number above 0"#),
            (
                "-metrics-server prometheus:9090",
                r#"invalid value "prometheus:9090" for flag -metrics-server: must be a URL such as http://prometheus:9090"#,
            ),
            (
                "-event-webhook hooks",
                r#"invalid value "hooks" for flag -event-webhook: must be a URL such as http://prometheus:9090"#,
            ),
            ("-zap-encoding xml", r#"invalid value "xml" for flag -zap-encoding: must be json or console"#),
        ] {
            assert_eq!(refused(line), (message.to_owned(), 2), "{line}");
        }
        let exit = with_env("-nope", &[]).unwrap_err();
        assert_eq!(exit.stream, Stream::Stderr);
        assert!(exit.text.contains("\nUsage of flagger:\n"));
    }

    #[test]
    fn help_and_version_end_well() {
        for line in ["-h", "--help", "-port 1 -help"] {
            assert_eq!(refused(line), ("Usage of flagger:".to_owned(), 0), "{line}");
        }
        let (line, code) = refused("-version");
        assert!(line.starts_with("Flagger version ") && line.contains(" revision "), "{line}");
        assert_eq!(code, 0);
    }

    #[test]
    fn replicas_elect_a_leader_in_the_namespace_that_they_look_after_or_else_in_the_named_one() {
        let of = |line| read(line).election_namespace;
        assert_eq!(of("-leader-election-namespace=a"), None);
        assert_eq!(of("-enable-leader-election").as_deref(), Some("kube-system"));
        assert_eq!(of("-enable-leader-election=true -leader-election-namespace=a").as_deref(), Some("a"));
        assert_eq!(of("-enable-leader-election -leader-election-namespace=a -namespace=b").as_deref(), Some("b"));
    }

    #[test]
    fn a_mesh_has_a_cluster_of_its_own_unless_its_kubeconfig_is_the_same() {
        let of = |line| read(line).mesh_kubeconfig;
        assert_eq!(of("-kubeconfig=a -kubeconfig-service-mesh=b"), Some(PathBuf::from("b")));
        assert_eq!(of("-kubeconfig=a -kubeconfig-service-mesh=a"), None);
    }

    #[test]
    fn the_environment_wins_over_the_flag_unless_it_is_empty() {
        let of = |url| with_env("-event-webhook=http://flag", &[("EVENT_WEBHOOK_URL", url)]).unwrap().event_webhook;
        assert_eq!(of("http://env").as_deref(), Some("http://env"));
        assert_eq!(of("").as_deref(), Some("http://flag"));
    }

    #[test]
    fn flags_without_effect_are_accepted_and_named() {
        let settings = read("-control-loop-interval=5s -v=5 -stderrthreshold=2");
        let expected = ["-control-loop-interval is accepted and ignored", "-v is accepted and ignored"];
        assert_eq!(settings.warnings, expected, "a default that is spelled out is no news");
    }

    #[test]
    fn a_documented_level_is_understood_and_a_wrong_one_is_info_with_a_warning() {
        assert_eq!(read("-log-level warning").log_level, Level::Warn);
        let settings = read("-log-level loud");
        assert_eq!(settings.log_level, Level::Info);
        assert_eq!(settings.warnings, [r#"-log-level "loud" is not a level, using info"#]);
    }
}
