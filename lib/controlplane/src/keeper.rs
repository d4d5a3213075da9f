//! Keeping child processes, and ending them for certain.
//!
//! Whatever happens to us, they go: when the [`Keeper`] is dropped, panics included, they are killed and waited for. When our
//! process ends without dropping anything (Ctrl-C, `kill -9`, `abort`), the kernel kills them, where `setpriv` of util-linux
//! can ask it to. None of them has children of its own.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread::JoinHandle;

/// Owns child processes; they end with it.
///
/// The kernel counts the death of the *thread* that has started a child, so that a thread is made for it that lives as long as
/// they may.
#[derive(Debug)]
pub(crate) struct Keeper {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked to do, and where the answer goes.
enum Order {
    Start { name: &'static str, command: Box<Command>, answer: mpsc::Sender<io::Result<()>> },
    Ended { answer: mpsc::Sender<Option<(&'static str, ExitStatus)>> },
}

impl Keeper {
    pub(crate) fn new() -> Self {
        let (orders, heard) = mpsc::channel();
        let thread = std::thread::spawn(move || keep(&heard));
        Self { orders: Some(orders), thread: Some(thread) }
    }

    /// Starts a child that writes all its output to `log`.
    pub(crate) fn start(&self, name: &'static str, command: &Command, log: &Path) -> io::Result<()> {
        let output = File::create(log)?;
        let mut command = bound(command);
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        self.ask(|answer| Order::Start { name, command: Box::new(command), answer })?
    }

    /// The first child that is no longer running, and how it ended.
    pub(crate) fn ended(&self) -> Option<(&'static str, ExitStatus)> {
        self.ask(|answer| Order::Ended { answer }).ok().flatten()
    }

    fn ask<T>(&self, order: impl FnOnce(mpsc::Sender<T>) -> Order) -> io::Result<T> {
        let gone = || io::Error::other("the thread that keeps the processes is gone");
        let (answer, heard) = mpsc::channel();
        self.orders.as_ref().ok_or_else(gone)?.send(order(answer)).map_err(|_| gone())?;
        heard.recv().map_err(|_| gone())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders.take();
        if let Some(thread) = self.thread.take() {
            // One that panicked has dropped its children, which killed them.
            let _ = thread.join();
        }
    }
}

/// A child that is killed when it is dropped.
struct Kept {
    name: &'static str,
    child: Child,
}

impl Drop for Kept {
    fn drop(&mut self) {
        // One that has ended already can't be killed, which is fine. They hold nothing that is worth a graceful end, and would
        // keep their ports for seconds.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep(orders: &mpsc::Receiver<Order>) {
    let mut kept: Vec<Kept> = Vec::new();
    while let Ok(order) = orders.recv() {
        match order {
            Order::Start { name, mut command, answer } => {
                let started = command.spawn().map(|child| kept.push(Kept { name, child }));
                let _ = answer.send(started);
            }
            Order::Ended { answer } => {
                let ended = kept.iter_mut().find_map(|kept| {
                    let status = kept.child.try_wait().ok().flatten()?;
                    Some((kept.name, status))
                });
                let _ = answer.send(ended);
            }
        }
    }
    // The last first: nobody misses what it depends on.
    while let Some(last) = kept.pop() {
        drop(last);
    }
}

/// The command, bound to the life of the thread that starts it if this machine can do that.
fn bound(command: &Command) -> Command {
    let mut bound = if can_bind() {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        setpriv
    } else {
        Command::new(command.get_program())
    };
    // A Ctrl-C at the terminal is meant for us; what follows from it for them is ours to say.
    bound.args(command.get_args()).process_group(0);
    bound
}

fn can_bind() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let mut probe = Command::new("setpriv");
        probe.args(["--pdeathsig", "KILL", "--", "true"]);
        let probe = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    })
}
