//! Images whose containers run more than the small application of the sandbox: the load tester, as it is on any cluster.

use loadtester::Container;
use sandbox::{Ended, Process, Programs};

/// Where the load tester is published: by Flagger's project, and before that by its author.
const LOAD_TESTERS: [&str; 2] = ["ghcr.io/fluxcd/flagger-loadtester", "weaveworks/flagger-loadtester"];

/// What the containers of these images run; programs of this machine only if they may.
pub(crate) fn programs(may_run_commands: bool) -> Programs {
    LOAD_TESTERS.into_iter().fold(Programs::default(), |programs, image| {
        programs.with(image, move |process| load_tester(process, may_run_commands))
    })
}

async fn load_tester(process: Process, may_run_commands: bool) -> Ended {
    let Process { words, env, listeners, proxy, client, clock, stop, .. } = process;
    loadtester::host(Container { words, env, listeners, proxy, client, clock, may_run_commands, stop }).await
}
