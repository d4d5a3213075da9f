//! Histories that are played with every test run; `cargo xtask faults` plays as many as one likes.

/// How many histories a test run plays.
const HISTORIES: u64 = 60;

#[test]
fn every_release_ends_well_whatever_goes_wrong() {
    let play = |half: u64| (half..HISTORIES).step_by(2).map(|seed| histories::play(seed, false)).collect::<Vec<_>>();
    let told = std::thread::scope(|scope| {
        let other = scope.spawn(|| play(1));
        [play(0), other.join().unwrap()].concat()
    });
    let broken: Vec<_> = told.into_iter().filter(|told| !told.broken.is_empty()).collect();
    let shown: Vec<String> =
        broken.iter().map(|told| format!("seed {}: {}", told.seed, told.broken.join("; "))).collect();
    assert!(
        shown.is_empty(),
        "{} broken; cargo xtask faults --histories 1 --trace --seed N tells one\n{}",
        shown.len(),
        shown.join("\n")
    );
}

#[test]
fn the_same_seed_plays_the_same_history() {
    for seed in 0..5 {
        assert_eq!(histories::play(seed, true), histories::play(seed, true));
    }
}
