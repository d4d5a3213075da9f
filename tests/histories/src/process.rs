//! A process of the operator and whoever starts it again: the real operator, in-process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apiserver::Api;
use operator::admin::Admin;
use operator::args::{self, Settings};
use operator::run::serve;
use operator::web::Web;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::{ReplicaClock, WorldClock};
use crate::cluster::NAMESPACE;
use crate::line::{Life, Line, Point};
use crate::scene::{Actor, Scene};
use crate::web::{Outside, Way};

/// The pause before a process that ended by itself is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(5);

/// The process that runs now, and how the next one is started.
#[derive(Clone)]
pub(crate) struct Process {
    scene: Scene,
    name: Actor,
    current: Arc<Mutex<Current>>,
}

#[derive(Default)]
struct Current {
    life: Life,
    stop: CancellationToken,
    /// How long nobody is there after the end that was arranged.
    away: Duration,
}

/// What every life needs.
pub(crate) struct Surroundings {
    pub(crate) api: Api,
    pub(crate) scene: Scene,
    pub(crate) clock: Arc<WorldClock>,
    pub(crate) outside: Outside,
    pub(crate) provider: &'static str,
    /// Which replica it is, and whether there are others.
    pub(crate) replica: usize,
    pub(crate) elects: bool,
}

impl Process {
    /// Starts the operator, and starts it again whenever it ends.
    pub(crate) fn start(surroundings: Surroundings) -> Self {
        let process = Self {
            scene: surroundings.scene.clone(),
            name: Actor::Operator(surroundings.replica),
            current: Arc::default(),
        };
        tokio::spawn(process.clone().live(surroundings));
        process
    }

    /// The process dies in the `exchange`th exchange from now on.
    pub(crate) fn kill(&self, exchange: u32, point: Point, away: Duration) {
        self.scene
            .say(format_args!("stage      arranges the death of {} {point:?} exchange {exchange} from now", self.name));
        self.with(|current| {
            current.away = away;
            current.life.light(exchange, point);
        });
    }

    /// The process is asked to end.
    pub(crate) fn terminate(&self, away: Duration) {
        self.scene.say(format_args!("stage      asks {} to end", self.name));
        self.with(|current| {
            current.away = away;
            current.stop.cancel();
        });
    }

    /// The process is cut off from everything for a while.
    pub(crate) fn cut_off(&self, stretch: Duration) {
        self.scene.say(format_args!("stage      cuts {} off for {stretch:?}", self.name));
        self.with(|current| current.life.cut_off(stretch));
    }

    /// What was arranged is off.
    pub(crate) fn spare(&self) {
        self.with(|current| current.life.put_out());
    }

    async fn live(self, surroundings: Surroundings) {
        loop {
            let (life, stop) = (Life::default(), CancellationToken::new());
            self.with(|current| *current = Current { life: life.clone(), stop: stop.clone(), away: RESTART_PAUSE });
            self.scene.say(format_args!("stage      starts {}", self.name));
            self.one(&surroundings, &life, &stop).await;
            // Whatever is left of the process reaches nobody.
            life.end();
            stop.cancel();
            if life.is_frantic() {
                return self.scene.judge(|judge, _| judge.report("the operator asks without end"));
            }
            sleep(self.with(|current| current.away)).await;
        }
    }

    async fn one(&self, surroundings: &Surroundings, life: &Life, stop: &CancellationToken) {
        let Surroundings { api, scene, clock, outside, provider, replica, elects } = surroundings;
        let network = Line::new(api.clone(), scene.clone(), life.clone(), *replica);
        let clock = Arc::new(ReplicaClock { clocks: Arc::clone(clock), replica: *replica });
        let way = Way { outside: outside.clone(), life: life.clone() };
        let admin = Admin::bind_local(0).await.expect("loopback has a free port");
        let client = kube::Client::new(network, "default");
        let web = Web::over(Arc::new(way));
        let mut task = tokio::spawn(serve(client, web, settings(provider, *elects), clock, admin, stop.clone()));
        tokio::select! {
            biased;
            () = life.died() => {
                self.scene.say(format_args!("stage      {} is dead", self.name));
                task.abort();
            }
            ended = &mut task => match ended {
                Ok(Ok(())) => self.scene.say(format_args!("stage      {} has ended", self.name)),
                Ok(Err(error)) => self.scene.say(format_args!("stage      {} gives up: {error}", self.name)),
                Err(error) => self.scene.judge(|judge, _| judge.report(format_args!("the operator broke off: {error}"))),
            },
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Current) -> T) -> T {
        act(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn settings(provider: &str, elects: bool) -> Settings {
    let flags = [
        format!("-mesh-provider={provider}"),
        "-metrics-server=http://prometheus.test".to_owned(),
        format!("-enable-leader-election={elects}"),
        format!("-leader-election-namespace={NAMESPACE}"),
    ];
    args::parse(flags.into_iter(), |_| None).expect("these flags are valid")
}
