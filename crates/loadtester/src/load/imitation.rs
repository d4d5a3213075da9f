//! Command lines of `hey`, `fortio load` and `wrk`, understood as built-in load where the tool is missing.
//!
//! Options that change what is sent, to whom, how fast or how long are followed; those about output are ignored; any other is
//! refused by name, since load that is not what was asked for proves nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::api::duration;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderName, HeaderValue};

use super::http as web;
use super::{Amount, Plan, Target, Thresholds, concurrency, grpc, rate};

/// The options of a tool.
struct Tool {
    /// Those that take a value.
    valued: &'static [&'static str],
    /// Those that take none.
    switches: &'static [&'static str],
    /// How words become options.
    style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// One dash or two before any name, and options only before the URL.
    Go,
    /// One dash before a letter, whose value may follow at once; two before a word; options anywhere.
    Getopt,
}

const HEY: Tool = Tool {
    valued: &["n", "c", "q", "z", "m", "H", "t", "A", "d", "T", "U", "a", "host", "cpus"],
    switches: &["disable-compression", "disable-keepalive", "disable-redirects"],
    style: Style::Go,
};

const FORTIO: Tool = Tool {
    valued: &[
        "c",
        "qps",
        "t",
        "n",
        "H",
        "X",
        "payload",
        "content-type",
        "user",
        "timeout",
        "healthservice",
        "r",
        "p",
        "labels",
        "json",
        "data-dir",
        "loglevel",
        "gomaxprocs",
        "httpbufferkb",
        "maxpayloadsizekb",
    ],
    switches: &[
        "k",
        "L",
        "grpc",
        "health",
        "a",
        "quiet",
        "stdclient",
        "nocatchup",
        "uniform",
        "jitter",
        "allow-initial-errors",
    ],
    style: Style::Go,
};

const WRK: Tool = Tool {
    valued: &["c", "connections", "t", "threads", "d", "duration", "H", "header", "timeout", "R", "rate"],
    switches: &["latency", "L"],
    style: Style::Getopt,
};

/// The load that the tool would make with these arguments; `None` when it is none of the three.
pub(crate) fn read(tool: &str, args: &[String]) -> Option<Result<Plan, String>> {
    match (tool, args) {
        ("hey", args) => Some(Options::read(&HEY, args).and_then(|options| hey(&options))),
        ("fortio", [first, args @ ..]) if first == "load" => {
            Some(Options::read(&FORTIO, args).and_then(|options| fortio(&options)))
        }
        ("wrk", args) => Some(Options::read(&WRK, args).and_then(|options| wrk(&options))),
        _ => None,
    }
}

/// 200 requests by 50 clients, unless told otherwise; the rate is that of one client, and any certificate is accepted.
fn hey(options: &Options) -> Result<Plan, String> {
    let mut target = web::Target::new(options.url()?, options.seconds("t", 20.0)?);
    target.insecure = true;
    target.redirects = !options.has("disable-redirects");
    if let Some(method) = options.last("m") {
        target.method = web::method_of(method).ok_or_else(|| bad("m", method))?;
    }
    options.headers("H", &mut target)?;
    for (option, header) in [("A", ACCEPT), ("U", USER_AGENT)] {
        set(&mut target, header, options.last(option).map(str::to_owned))?;
    }
    set(&mut target, AUTHORIZATION, options.last("a").map(basic))?;
    if let Some(host) = options.last("host") {
        target.host(host)?;
    }
    if let Some(body) = options.last("d") {
        target.body = body.as_bytes().to_vec();
        target.content_type(options.last("T").unwrap_or("text/html"))?;
    }
    let clients = options.number("c", 50.0)?;
    let amount = match options.last("z") {
        Some(time) => Amount::Duration(duration::parse(time).map_err(|_| bad("z", time))?),
        None => Amount::Count(whole("n", options.number("n", 200.0)?)?),
    };
    plan(Target::Http(Arc::new(target)), clients, options.number("q", 0.0)? * clients, amount)
}

/// 8 requests a second by 4 clients for 5 s, unless told otherwise.
fn fortio(options: &Options) -> Result<Plan, String> {
    let limit = match options.last("timeout") {
        Some(time) => duration::parse(time).map_err(|_| bad("timeout", time))?,
        None => Duration::from_secs(3),
    };
    let target = if options.has("grpc") {
        let service = options.last("healthservice").unwrap_or_default();
        Target::Grpc(Arc::new(grpc::Target::new(options.rest()?, service, limit)?))
    } else {
        let mut target = web::Target::new(options.url()?, limit);
        target.insecure = options.has("k");
        target.redirects = options.has("L");
        if let Some(payload) = options.last("payload") {
            target.method = http::Method::POST;
            target.body = payload.as_bytes().to_vec();
        }
        if let Some(method) = options.last("X") {
            target.method = web::method_of(method).ok_or_else(|| bad("X", method))?;
        }
        options.headers("H", &mut target)?;
        set(&mut target, AUTHORIZATION, options.last("user").map(basic))?;
        if let Some(kind) = options.last("content-type") {
            target.content_type(kind)?;
        }
        Target::Http(Arc::new(target))
    };
    let amount = match (options.last("n"), options.last("t")) {
        (Some(_), _) => Amount::Count(whole("n", options.number("n", 0.0)?)?),
        (None, Some(time)) => Amount::Duration(duration::parse(time).map_err(|_| bad("t", time))?),
        (None, None) => Amount::Duration(Duration::from_secs(5)),
    };
    plan(target, options.number("c", 4.0)?, options.number("qps", 8.0)?.max(0.0), amount)
}

/// As fast as 10 connections go for 10 s, unless told otherwise.
fn wrk(options: &Options) -> Result<Plan, String> {
    let either = |short, long| if options.has(short) { short } else { long };
    let limit = match options.last("timeout") {
        Some(time) => time_of_wrk(time).ok_or_else(|| bad("timeout", time))?,
        None => Duration::from_secs(2),
    };
    let mut target = web::Target::new(options.url()?, limit);
    target.redirects = false;
    options.headers("H", &mut target)?;
    options.headers("header", &mut target)?;
    let time = options.last(either("d", "duration")).unwrap_or("10s");
    let amount = Amount::Duration(time_of_wrk(time).ok_or_else(|| bad("d", time))?);
    let clients = options.number(either("c", "connections"), 10.0)?;
    plan(Target::Http(Arc::new(target)), clients, options.number(either("R", "rate"), 0.0)?, amount)
}

fn plan(target: Target, clients: f64, per_sec: f64, amount: Amount) -> Result<Plan, String> {
    if matches!(amount, Amount::Duration(time) if time.is_zero()) {
        return Err("load without end is not made".to_owned());
    }
    let concurrency = concurrency(whole("c", clients)?)?;
    Ok(Plan { target, concurrency, rate: rate(per_sec)?, amount, thresholds: Thresholds::default(), wait: false })
}

fn set(target: &mut web::Target, header: HeaderName, value: Option<String>) -> Result<(), String> {
    if let Some(value) = value {
        let value = HeaderValue::from_str(&value).map_err(|_| format!("the value for {header} can't be sent"))?;
        target.headers.insert(header, value);
    }
    Ok(())
}

fn basic(user_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(user_and_password))
}

/// A bare number is one of seconds.
fn time_of_wrk(text: &str) -> Option<Duration> {
    match text.parse::<u32>() {
        Ok(secs) => Some(Duration::from_secs(secs.into())),
        Err(_) => duration::parse(text).ok(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number is a small whole one by then")]
fn whole(option: &str, number: f64) -> Result<u64, String> {
    if number.fract() == 0.0 && (1.0..=1e12).contains(&number) {
        return Ok(number as u64);
    }
    Err(bad(option, &number.to_string()))
}

fn bad(option: &str, value: &str) -> String {
    format!("the value {value:?} of its option -{option} is not valid")
}

/// What was given on a command line.
struct Options {
    given: BTreeMap<String, Vec<String>>,
    rest: Vec<String>,
}

impl Options {
    fn read(tool: &Tool, args: &[String]) -> Result<Self, String> {
        let mut options = Self { given: BTreeMap::new(), rest: Vec::new() };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let is_option = 2 <= word.len() && word.starts_with('-');
            if !is_option || (tool.style == Style::Go && !options.rest.is_empty()) {
                options.rest.push(word.clone());
                continue;
            }
            let (name, value) = tool.split(word);
            let name = name.to_owned();
            let value = if tool.switches.contains(&name.as_str()) {
                value.unwrap_or("true").to_owned()
            } else if tool.valued.contains(&name.as_str()) {
                let value = value.or_else(|| words.next().map(String::as_str));
                value.ok_or_else(|| format!("its option -{name} has no value"))?.to_owned()
            } else {
                return Err(format!("its option -{name} is not understood"));
            };
            options.given.entry(name).or_default().push(value);
        }
        Ok(options)
    }

    fn has(&self, name: &str) -> bool {
        self.last(name).is_some_and(|value| value != "false")
    }

    fn last(&self, name: &str) -> Option<&str> {
        self.given.get(name).and_then(|values| values.last()).map(String::as_str)
    }

    fn number(&self, name: &str, default: f64) -> Result<f64, String> {
        self.last(name).map_or(Ok(default), |text| text.parse().map_err(|_| bad(name, text)))
    }

    /// A number of seconds, of which 0 means none at all; a day is as good.
    fn seconds(&self, name: &str, default: f64) -> Result<Duration, String> {
        let secs = self.number(name, default)?;
        let day = Duration::from_secs(24 * 60 * 60);
        let time = Duration::try_from_secs_f64(secs).map_err(|_| bad(name, &secs.to_string()))?;
        Ok(if time.is_zero() { day } else { time.min(day) })
    }

    fn headers(&self, name: &str, target: &mut web::Target) -> Result<(), String> {
        self.given.get(name).into_iter().flatten().try_for_each(|line| target.header(line))
    }

    /// The one word that is no option.
    fn rest(&self) -> Result<&str, String> {
        match self.rest.as_slice() {
            [url] => Ok(url),
            [] => Err("it names no URL".to_owned()),
            [_, second, ..] => Err(format!("it can't do anything with {second:?}")),
        }
    }

    fn url(&self) -> Result<http::Uri, String> {
        let text = self.rest()?;
        let url = web::url_of(text).or_else(|| web::url_of(&format!("http://{text}")));
        url.ok_or_else(|| format!("{text:?} is not an http or https URL"))
    }
}

impl Tool {
    /// The option that a word names, and the value that it carries.
    fn split<'a>(&self, word: &'a str) -> (&'a str, Option<&'a str>) {
        let long = word.strip_prefix("--");
        let body = long.or_else(|| word.strip_prefix('-')).unwrap_or(word);
        if self.style == Style::Getopt && long.is_none() {
            let end = body.chars().next().map_or(0, char::len_utf8);
            let (name, value) = body.split_at(end);
            return (name, Some(value).filter(|value| !value.is_empty()));
        }
        match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(line: &str) -> Result<String, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (tool, args) = words.split_first().unwrap();
        read(tool, args).unwrap().map(|plan| plan.to_string())
    }

    #[test]
    fn the_command_lines_of_the_documents_mean_what_the_tools_would_do() {
        for (line, plan) in [
            (
                "hey -z 1m -q 10 -c 2 http://webhook-server-canary/",
                "GET http://webhook-server-canary/ at 20/s by 2, for 1m0s",
            ),
            (
                "hey -z 2m -q 10 -c 2 -host podinfo.local http://ingress-nginx-controller.ingress-nginx/",
                "GET http://ingress-nginx-controller.ingress-nginx/ at 20/s by 2, for 2m0s",
            ),
            (
                "fortio load -c 10 -n 100 -qps 50 http://podinfo.tenant-a:9898/",
                "GET http://podinfo.tenant-a:9898/ at 50/s by 10, 100 times",
            ),
            ("hey http://x", "GET http://x/ at full speed by 50, 200 times"),
            ("hey -n=10 -c 5 -m post -d a http://x/y", "POST http://x/y at full speed by 5, 10 times"),
            ("fortio load --quiet x.y:8080/z", "GET http://x.y:8080/z at 8/s by 4, for 5s"),
            ("fortio load -payload {} -qps -1 -t 1m http://x", "POST http://x/ at full speed by 4, for 1m0s"),
            (
                "fortio load -grpc -healthservice cart -n 5 cart.shop:9000",
                "health check of \"cart\" at cart.shop:9000 at 8/s by 4, 5 times",
            ),
            ("wrk -t2 -c100 -d30s --latency http://x/", "GET http://x/ at full speed by 100, for 30s"),
            ("wrk http://x/ -R 20 --duration=5", "GET http://x/ at 20/s by 10, for 5s"),
        ] {
            assert_eq!(understood(line).as_deref(), Ok(plan), "{line}");
        }
    }

    #[test]
    fn headers_and_hosts_are_sent() {
        let line = ["-host", "podinfo.local", "-H", "X-Canary: always", "-a", "me:pw", "http://gateway/"];
        let plan = read("hey", &line.map(str::to_owned)).unwrap().unwrap();
        let Target::Http(target) = plan.target else { panic!("it is for http") };
        let header = |name| target.headers[name].to_str().unwrap();
        assert_eq!((header("host"), header("x-canary")), ("podinfo.local", "always"));
        assert_eq!(header("authorization"), "Basic bWU6cHc=");
    }

    #[test]
    fn what_can_not_be_imitated_is_refused_by_name() {
        for (line, reason) in [
            ("hey -x proxy:1 http://x", "its option -x is not understood"),
            ("hey -z 1m", "it names no URL"),
            ("hey -z soon http://x", "the value \"soon\" of its option -z is not valid"),
            ("hey -c 0 http://x", "the value \"0\" of its option -c is not valid"),
            ("hey http://x -n 3", "it can't do anything with \"-n\""),
            ("fortio load -t 0 http://x", "load without end is not made"),
            ("fortio load -c 10 -n 100 -qps 50", "it names no URL"),
            ("wrk -s script.lua http://x", "its option -s is not understood"),
        ] {
            assert_eq!(understood(line).unwrap_err(), reason, "{line}");
        }
        assert!(read("curl", &[]).is_none());
        assert!(read("fortio", &["server".to_owned()]).is_none());
    }
}
