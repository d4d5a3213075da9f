//! What happens in the storm of a history, and when: people at work, and machines that fail.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cluster::Id;
use crate::dice::Dice;
use crate::facts::Quality;
use crate::line::Point;
use crate::stage::{APP, CONFIG, CONFIG_COPY, PRIMARY, TEMPLATE};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Somebody ships a new revision.
    Push(Quality),
    /// Somebody ships the first revision again.
    Revert,
    /// Somebody deletes an object.
    Delete(Id),
    /// Somebody applies an object again that may be gone.
    Apply(Id),
    /// Somebody merges fields into an object.
    Edit(Id, Value),
    /// Somebody sends this share of all traffic to the canary, past the operator.
    Route(u64),
    /// Somebody writes the canary's status by hand.
    Status(Value),
    /// The operator's machine dies.
    Kill(u32, Point, Duration),
    /// The operator is asked to end, and started again.
    Terminate(Duration),
    /// The operator is cut off from everything for a while.
    CutOff(Duration),
    /// The operator's clock is set.
    Jump(SignedDuration),
}

/// Acts by the age of the world at which they happen.
pub(crate) type Script = Vec<(Duration, Act)>;

/// How long a storm lasts, in minutes.
const STORM_MINUTES: (u64, u64) = (3, 15);
/// How many things happen in it.
const ACTS: (u64, u64) = (2, 12);

/// The storm of this seed.
pub(crate) fn draw(dice: &mut Dice) -> Script {
    let millis = dice.between(STORM_MINUTES.0, STORM_MINUTES.1) * 60_000;
    let mut script = Script::new();
    // Most histories have a release before anything else happens.
    if dice.chance(80) {
        script.push((dice.millis(20_000, 60_000), Act::Push(quality(dice))));
    }
    for _ in 0..dice.between(ACTS.0, ACTS.1) {
        let at = dice.millis(5_000, millis);
        let act = act(dice);
        if let Act::Delete(id) = &act
            && dice.chance(70)
        {
            script.push((at + dice.millis(0, 60_000), Act::Apply(id.clone())));
        }
        script.push((at, act));
    }
    script.sort_by_key(|(at, _)| *at);
    script
}

fn act(dice: &mut Dice) -> Act {
    match dice.between(0, 99) {
        0..25 => Act::Push(quality(dice)),
        25..29 => Act::Revert,
        29..42 => Act::Delete(deletable(dice)),
        42..45 => Act::Edit(Id::new("Deployment", APP), json!({"spec": {"replicas": dice.pick(&[0, 0, 1, 3])}})),
        45..47 => Act::Edit(Id::new("Deployment", PRIMARY), json!({"spec": {"replicas": dice.between(0, 3)}})),
        47..53 => Act::Edit(Id::new("Canary", APP), canary_edit(dice)),
        53..55 => Act::Edit(Id::new("ConfigMap", CONFIG), json!({"data": {"level": dice.between(1, 3).to_string()}})),
        55..57 => Act::Edit(service(dice), json!({"spec": {"selector": {"app": "nobody"}}})),
        57..60 => Act::Route(dice.between(0, 100)),
        60..65 => Act::Status(status(dice)),
        65..85 => {
            let point = dice.pick(&[Point::Before, Point::After]);
            Act::Kill(u32::try_from(dice.between(1, 12)).unwrap_or(1), point, dice.millis(0, 40_000))
        }
        85..90 => Act::Terminate(dice.millis(0, 40_000)),
        90..93 => Act::CutOff(dice.millis(1_000, 40_000)),
        _ => Act::Jump(jump(dice)),
    }
}

fn quality(dice: &mut Dice) -> Quality {
    dice.pick(&[Quality::Good, Quality::Good, Quality::Good, Quality::Bad, Quality::Broken])
}

fn deletable(dice: &mut Dice) -> Id {
    let all = [
        ("Canary", APP),
        ("Canary", APP),
        ("ConfigMap", CONFIG),
        ("ConfigMap", CONFIG_COPY),
        ("Deployment", APP),
        ("Deployment", PRIMARY),
        ("HTTPRoute", APP),
        ("HorizontalPodAutoscaler", APP),
        ("HorizontalPodAutoscaler", PRIMARY),
        ("MetricTemplate", TEMPLATE),
        ("Service", APP),
        ("Service", PRIMARY),
        ("Service", "cart-canary"),
    ];
    let (kind, name) = dice.pick(&all);
    Id::new(kind, name)
}

fn service(dice: &mut Dice) -> Id {
    Id::new("Service", dice.pick(&[APP, PRIMARY, "cart-canary"]))
}

fn canary_edit(dice: &mut Dice) -> Value {
    match dice.between(0, 5) {
        0 => json!({"spec": {"suspend": dice.chance(50)}}),
        1 => json!({"spec": {"skipAnalysis": dice.chance(50)}}),
        2 => json!({"spec": {"analysis": {"threshold": dice.between(1, 5)}}}),
        3 => json!({"spec": {"analysis": {"interval": format!("{}s", dice.pick(&[10, 20, 60]))}}}),
        4 => json!({"spec": {"analysis": {"stepWeight": dice.between(5, 60)}}}),
        // One that breaks a rule, until it is corrected.
        _ => json!({"spec": {"analysis": {"interval": "soon"}}}),
    }
}

fn status(dice: &mut Dice) -> Value {
    let phases = [
        "",
        "Initializing",
        "Initialized",
        "Waiting",
        "Progressing",
        "WaitingPromotion",
        "Promoting",
        "Finalising",
        "Succeeded",
        "Failed",
    ];
    match dice.between(0, 2) {
        0 => json!({"phase": dice.pick(&phases)}),
        1 => json!({"canaryWeight": dice.between(0, 100)}),
        _ => json!({"failedChecks": dice.between(0, 10), "iterations": dice.between(0, 10)}),
    }
}

fn jump(dice: &mut Dice) -> SignedDuration {
    let secs: i64 = dice.pick(&[1, 20, 90, 600, 7200]);
    SignedDuration::from_secs(if dice.chance(50) { secs } else { -secs })
}
