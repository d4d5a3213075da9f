//! Every flag there is: one row each, from which parsing, the usage text and the reference page come.

use process::flags::{Flag, Flags, Takes};

/// The flags of klog, the original's logging library, so that manifests which set them start.
const fn klog(name: &'static str, takes: Takes, default: &'static str) -> Flag {
    Flag::new(name, takes, default, "setting of the original's logging library").never()
}

use Takes::{Bool, Duration, Int, Text};

/// All flags.
pub(super) const FLAGS: Flags = Flags { program: "flagger", rows: ROWS };

const ROWS: &[Flag] = &[
    klog("add_dir_header", Bool, "false"),
    klog("alsologtostderr", Bool, "false"),
    Flag::new("cluster-name", Text, "", "name of the cluster, shown in alerts"),
    Flag::new("control-loop-interval", Duration, "10s", "how often the original looks for canaries").never(),
    Flag::new("enable-config-tracking", Bool, "true", "make primary copies of ConfigMaps and Secrets and watch them"),
    Flag::new("enable-leader-election", Bool, "false", "let one of several replicas lead"),
    Flag::new("event-webhook", Text, "", "URL that every event is posted to").env("EVENT_WEBHOOK_URL"),
    Flag::new(
        "include-label-prefix",
        Text,
        "",
        "prefixes of labels and annotations that primaries get, comma separated; * for all",
    ),
    Flag::new("ingress-annotations-prefix", Text, "nginx.ingress.kubernetes.io", "prefix of NGINX ingress annotations"),
    Flag::new("ingress-class", Text, "", "ingress class of HTTPProxy objects").later(),
    Flag::new(
        "kubeconfig",
        Text,
        "",
        "path of a kubeconfig; without one the pod's ServiceAccount or the user's kubeconfig",
    ),
    Flag::new("kubeconfig-burst", Int, "250", "requests to the API server that may go at once"),
    Flag::new("kubeconfig-qps", Int, "100", "requests to the API server in a second"),
    Flag::new("kubeconfig-service-mesh", Text, "", "path of the kubeconfig of the cluster with the routing objects"),
    Flag::new(
        "leader-election-namespace",
        Text,
        "kube-system",
        "namespace of the leader's lease, unless -namespace is given",
    ),
    klog("log_backtrace_at", Text, ":0"),
    klog("log_dir", Text, ""),
    klog("log_file", Text, ""),
    klog("log_file_max_size", Int, "1800"),
    Flag::new("log-level", Text, "debug", "least important kind of log line: debug, info, warn, error or fatal"),
    klog("logtostderr", Bool, "true"),
    Flag::new("master", Text, "", "URL of the API server, in place of the kubeconfig's"),
    Flag::new("mesh-provider", Text, "istio", "provider of canaries that do not name one"),
    Flag::new("metrics-server", Text, "http://prometheus:9090", "URL of the Prometheus for the built-in checks"),
    Flag::new("msteams-proxy-url", Text, "", "proxy to Microsoft Teams").env("MSTEAMS_PROXY_URL"),
    Flag::new("msteams-url", Text, "", "incoming webhook of Microsoft Teams").env("MSTEAMS_URL"),
    Flag::new("namespace", Text, "", "look after canaries of this namespace only"),
    Flag::new("no-cross-namespace-refs", Bool, "false", "refuse references to objects in other namespaces"),
    klog("one_output", Bool, "false"),
    Flag::new("port", Text, "8080", "port of /healthz and /metrics"),
    Flag::new(
        "selector-labels",
        Text,
        "app,name,app.kubernetes.io/name",
        "labels that select pods, comma separated; the first that a target has counts",
    ),
    klog("skip_headers", Bool, "false"),
    klog("skip_log_headers", Bool, "false"),
    Flag::new("slack-channel", Text, "", "Slack channel, without which nothing is sent to Slack"),
    Flag::new("slack-proxy-url", Text, "", "proxy to Slack").env("SLACK_PROXY_URL"),
    Flag::new("slack-token", Text, "", "Slack bot token").env("SLACK_TOKEN"),
    Flag::new("slack-url", Text, "", "incoming webhook of Slack").env("SLACK_URL"),
    Flag::new("slack-user", Text, "flagger", "name shown in Slack"),
    klog("stderrthreshold", Text, "2"),
    Flag::new("threadiness", Int, "2", "threads that look after canaries"),
    klog("v", Int, "0"),
    Flag::new("version", Bool, "false", "print the version and exit"),
    klog("vmodule", Text, ""),
    Flag::new("zap-encoding", Text, "json", "form of log lines: json or console"),
    Flag::new("zap-replace-globals", Bool, "false", "setting of the original's logging library").never(),
];

/// The reference of all flags as a Markdown table.
pub fn markdown() -> String {
    FLAGS.markdown()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_the_original_is_there_once() {
        let original = "add_dir_header alsologtostderr cluster-name control-loop-interval enable-config-tracking \
            enable-leader-election event-webhook include-label-prefix ingress-annotations-prefix ingress-class kubeconfig \
            kubeconfig-burst kubeconfig-qps kubeconfig-service-mesh leader-election-namespace log-level log_backtrace_at \
            log_dir log_file log_file_max_size logtostderr master mesh-provider metrics-server msteams-proxy-url msteams-url \
            namespace no-cross-namespace-refs one_output port selector-labels skip_headers skip_log_headers slack-channel \
            slack-proxy-url slack-token slack-url slack-user stderrthreshold threadiness v version vmodule zap-encoding \
            zap-replace-globals";
        let mut names: Vec<_> = ROWS.iter().map(|flag| flag.name).collect();
        names.sort_unstable();
        assert_eq!(names, original.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn usage_and_reference_tell_name_default_environment_and_lack_of_effect() {
        assert!(FLAGS.usage().contains("  -slack-url string\n    \tincoming webhook of Slack [$SLACK_URL]\n"));
        let ignored = "  -v int\n    \tsetting of the original's logging library (default 0) (accepted, ignored)\n";
        assert!(FLAGS.usage().contains(ignored));
        assert!(FLAGS.usage().contains("  -enable-config-tracking\n"), "booleans take no word");
        assert!(markdown().contains("| `-port` | string | `8080` |  | port of /healthz and /metrics |\n"));
    }
}
