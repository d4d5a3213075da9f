//! A service of this binary as a part of another process, which plays its container.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kube::Client;
use ports::Clock;
use process::cause;
use process::flags::{Flags, Misread, Typed, filled, flag};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::serving::{Failure, HasCommon};
use crate::tasks::Commands;
use crate::world::World;
use crate::{Service, approvals, istio, security, settings};

/// How programs are called that are this one.
const PROGRAM: &str = "loadtester";

/// Flags that name files of the machine, of which a played container has none.
const FILES: [&str; 4] = ["gate-file", "reports-dir", "state-file", "token-file"];

/// A played container.
pub struct Container {
    /// `command` and `args`, which say which service it is.
    pub words: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Sockets that its ports lead to.
    pub listeners: Vec<TcpListener>,
    /// The HTTP proxy that leads to names of the cluster; without one they are resolved as any other.
    pub proxy: Option<String>,
    /// A client for the cluster, whatever the flags say.
    pub client: Client,
    /// Its time, by which load lasts.
    pub clock: Arc<dyn Clock>,
    /// Whether it may start programs of this machine, which find names of the cluster by the proxy.
    pub may_run_commands: bool,
    /// Cancelled when it is to end.
    pub stop: CancellationToken,
}

/// Runs the service that a container asks for until it is told to stop; why it can't, otherwise.
pub async fn host(container: Container) -> Result<(), String> {
    let Container { mut words, env, listeners, proxy, client, clock, may_run_commands, stop } = container;
    if words.first().is_some_and(|word| Path::new(word).file_name().is_some_and(|name| name == PROGRAM)) {
        words.remove(0);
    }
    let commands = if may_run_commands { Commands::AllButLoad } else { Commands::None };
    let world = World::played(listeners, client, proxy, clock);
    match Service::of(&mut words) {
        Service::LoadTester => {
            let settings = read(&settings::FLAGS, words, &env, |typed| {
                let mut settings = settings::Settings::read(typed)?;
                settings.policy.commands = commands;
                Ok(settings)
            })?;
            run(settings, |settings| crate::load_tester(settings, world, stop)).await
        }
        Service::Approvals => {
            let settings = read(&approvals::FLAGS, words, &env, approvals::Settings::read)?;
            run(settings, |settings| approvals::serve(settings, world, stop)).await
        }
        Service::Security => {
            let settings = read(&security::FLAGS, words, &env, security::Settings::read)?;
            run(settings, |settings| security::serve(settings, world, stop)).await
        }
        Service::Istio => {
            let settings = read(&istio::FLAGS, words, &env, istio::Settings::read)?;
            run(settings, |settings| istio::serve(settings, world, stop)).await
        }
    }
}

/// What the words ask for; nothing to run where that is the version.
fn read<S>(
    flags: &'static Flags,
    words: Vec<String>,
    env: &BTreeMap<String, String>,
    read: impl FnOnce(&Typed) -> Result<S, Misread>,
) -> Result<Option<S>, String> {
    let told = |misread: Misread| misread.to_string();
    let typed = Typed::read(flags, words.into_iter(), |name| env.get(name).cloned()).map_err(told)?;
    if flag(&typed, "version") {
        return Ok(None);
    }
    let is_given = |name: &&&str| flags.find(name).is_some() && filled(&typed, name).is_some();
    if let Some(name) = FILES.iter().find(is_given) {
        return Err(format!("-{name} names files, of which a played container has none"));
    }
    read(&typed).map(Some).map_err(told)
}

async fn run<S: HasCommon, F: Future<Output = Result<(), Failure>>>(
    settings: Option<S>,
    serve: impl FnOnce(S) -> F,
) -> Result<(), String> {
    let Some(settings) = settings else { return Ok(()) };
    settings.common().warn();
    serve(settings).await.map_err(|failure| cause::chain(&failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_of_a_process_but_for_files_of_the_machine() {
        let read = |flags: &'static Flags, word: &str| {
            let env = BTreeMap::from([("APPROVAL_TOKEN".to_owned(), "secret".to_owned())]);
            read(flags, vec![word.to_owned()], &env, |typed| Ok(filled(typed, "token")))
        };
        assert_eq!(read(&approvals::FLAGS, "-port=8080"), Ok(Some(Some("secret".to_owned()))));
        assert_eq!(read(&approvals::FLAGS, "-version"), Ok(None));
        let refused = read(&approvals::FLAGS, "-state-file=/state").unwrap_err();
        assert_eq!(refused, "-state-file names files, of which a played container has none");
        assert!(read(&security::FLAGS, "-reports-dir=/reports").is_err());
    }
}
