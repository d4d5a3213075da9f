//! One history: a stage is set, a storm passes over it, and in the calm after it everything has to come to its end.

use std::sync::Arc;
use std::time::Duration;

use apiserver::{Faults, Options};
use tokio::time::{sleep, sleep_until};
use tracing::Level;

use crate::clock::{REPLICAS_MAX, WorldClock};
use crate::cluster::{Cluster, Id, furnished};
use crate::controller::Controller;
use crate::dice::Dice;
use crate::facts::Quality;
use crate::judge::is_over;
use crate::log::Ear;
use crate::people::People;
use crate::process::{Process, Surroundings};
use crate::scene::{Actor, Scene};
use crate::script::{self, Act};
use crate::stage::{APP, Stage};
use crate::web::Outside;

/// How often it is looked whether all is over.
const GLANCE: Duration = Duration::from_secs(5);
/// How long nobody may be there to notice a change: an operator that is started again, a watch that is tried again.
const ABSENCE: Duration = Duration::from_secs(90);
/// How long nothing may be written once all is over: long enough for every watch to end and to begin anew.
const QUIET: Duration = Duration::from_secs(6 * 60);
/// Waits that have nothing to do with the number of steps: pods, deadlines, retries, restarts.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// In how many of a hundred histories there are two replicas that elect a leader.
const ELECTIONS: u64 = 25;

/// The history of `seed`: what was broken in it, and if `traced` all that happened.
pub(crate) async fn play(seed: u64, traced: bool) -> (Vec<String>, Vec<String>) {
    let clock = Arc::new(WorldClock::new());
    let scene = Scene::new(&clock, traced);
    let level = if traced { Level::INFO } else { Level::ERROR };
    let _ear = tracing::subscriber::set_default(Ear { scene: scene.clone(), level });
    let mut history = History::begin(seed, &clock, &scene);
    history.storm(&mut Dice::new(seed, 2)).await;
    history.calm(&mut Dice::new(seed, 3)).await;
    (scene.judge(|judge, _| judge.broken().to_vec()), scene.lines())
}

struct History {
    clock: Arc<WorldClock>,
    scene: Scene,
    people: People,
    outside: Outside,
    faults: Faults,
    processes: Vec<Process>,
}

impl History {
    fn begin(seed: u64, clock: &Arc<WorldClock>, scene: &Scene) -> Self {
        let mut dice = Dice::new(seed, 1);
        let share = dice.pick(&[0.0, 0.0, 0.02, 0.1, 0.3]);
        let faults = Faults::mixed(seed, "flagger", share);
        let (observed, time) = (scene.clone(), Arc::clone(clock));
        let api = furnished().copy(&Options {
            seed,
            now: Arc::new(move || time.world()),
            observer: Some(Arc::new(move |commit| observed.observe(commit))),
            faults: Some(faults.clone()),
            ..Options::default()
        });
        let cluster = |actor| Cluster::new(api.clone(), scene.clone(), actor);
        let stage = Stage::draw(&mut dice);
        let provider = stage.provider;
        scene.say(format_args!("stage      {provider}, {share} of all requests meet a fault"));
        let people = People { cluster: cluster(Actor::User), scene: scene.clone(), stage, shipped: 0 };
        people.set_up();
        let controller = Controller {
            cluster: cluster(Actor::Controller),
            scene: scene.clone(),
            clock: Arc::clone(clock),
            dice: Dice::new(seed, 4),
        };
        tokio::spawn(controller.run());
        let outside = Outside::new(scene.clone(), Dice::new(seed, 5));
        let replicas = if Dice::new(seed, 6).chance(ELECTIONS) { REPLICAS_MAX } else { 1 };
        let surroundings = |replica| Surroundings {
            api: api.clone(),
            scene: scene.clone(),
            clock: Arc::clone(clock),
            outside: outside.clone(),
            provider,
            replica,
            elects: 1 < replicas,
        };
        let processes = (0..replicas).map(|replica| Process::start(surroundings(replica))).collect();
        Self { clock: Arc::clone(clock), scene: scene.clone(), people, outside, faults, processes }
    }

    async fn storm(&mut self, dice: &mut Dice) {
        let began = tokio::time::Instant::now();
        for (at, act) in script::draw(dice) {
            sleep_until(began + at).await;
            self.scene.say(format_args!("script     {act:?}"));
            let replica = if 1 < self.processes.len() { usize::from(dice.chance(50)) } else { 0 };
            let process = &self.processes[replica];
            match &act {
                Act::Kill(exchange, point, away) => process.kill(*exchange, *point, *away),
                Act::Terminate(away) => process.terminate(*away),
                Act::CutOff(stretch) => process.cut_off(*stretch),
                Act::Jump(by) => {
                    self.clock.jump(replica, *by);
                    self.scene.say(format_args!(
                        "stage      the clock of {} is {} now",
                        Actor::Operator(replica),
                        self.clock.of(replica)
                    ));
                }
                act => self.people.perform(act),
            }
        }
        sleep(dice.millis(0, 60_000)).await;
    }

    async fn calm(&mut self, dice: &mut Dice) {
        self.faults.clear();
        self.clock.set_right();
        self.outside.calm();
        self.processes.iter().for_each(Process::spare);
        self.people.repair();
        self.scene.say(format_args!("stage      the storm is over; injected: {}", self.faults));
        self.wait().await;
        let shipped = dice.chance(50).then(|| {
            self.people.push(Quality::Good);
            format!("cart:{}-good", self.people.shipped)
        });
        if shipped.is_some() {
            self.wait().await;
        }
        self.scene.judge(|judge, objects| judge.judge_end(shipped.as_deref(), objects));
        if self
            .scene
            .judge(|judge, objects| judge.broken().is_empty() && is_over(objects) && !judge.is_hopeless(objects))
        {
            self.scene.judge(|judge, _| judge.expect_quiet());
            sleep(QUIET).await;
        }
    }

    /// Until all is over, or has had more than enough time for it.
    async fn wait(&self) {
        let began = tokio::time::Instant::now();
        let patience = PATIENCE + self.interval() * 60;
        loop {
            sleep(GLANCE).await;
            let over = self.scene.judge(|judge, objects| is_over(objects) && 4 * GLANCE <= judge.idle());
            if over && ABSENCE <= began.elapsed() || patience < began.elapsed() {
                return;
            }
        }
    }

    fn interval(&self) -> Duration {
        let canary = self.scene.object(&Id::new("Canary", APP));
        let interval =
            canary.as_ref().and_then(|canary| canary.pointer("/spec/analysis/interval")?.as_str()?.strip_suffix('s'));
        Duration::from_secs(interval.and_then(|secs| secs.parse().ok()).unwrap_or(60))
    }
}
