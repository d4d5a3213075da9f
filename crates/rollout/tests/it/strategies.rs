//! Whole runs of each strategy, as the user sees them.

use expect_test::expect;
use rollout::Ending;
use rollout::model::World;
use rollout::traffic::Split;
use serde_json::json;

use crate::canaries;
use crate::transcripts::check;

#[test]
fn blue_green_switches_once_all_iterations_pass() {
    check(
        "v2",
        |canary| {
            let analysis = &mut canary["spec"]["analysis"];
            *analysis = json!({"interval": "30s", "threshold": 2, "iterations": 2});
        },
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            status Progressing weight=0 failed=0 iterations=1
            say Advance podinfo.test canary iteration 1/2
            status Progressing weight=0 failed=0 iterations=2
            say Advance podinfo.test canary iteration 2/2
            say Routing all traffic to canary
            split 0/100
            status Progressing weight=0 failed=0 iterations=3
            status Promoting weight=0 failed=0 iterations=3
            say Copying podinfo.test template spec to podinfo-primary.test
            say Routing all traffic to primary
            split 100/0
            status Finalising weight=0 failed=0 iterations=0
            status Succeeded weight=0 failed=0 iterations=0
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}

#[test]
fn without_routes_weights_become_iterations() {
    let plan = canaries::plan(|canary| {
        canary["spec"]["provider"] = json!("kubernetes");
        canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    });
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 2);
    expect![[r#"
        status Progressing weight=0 failed=0 iterations=0
        say New revision detected! Scaling up podinfo.test
        alert Info: New revision detected, progressing canary analysis.
        say Starting canary analysis for podinfo.test
        warn Progressive traffic is not supported when using the kubernetes provider
        warn Setting canaryAnalysis.iterations: 10
        status Progressing weight=0 failed=0 iterations=1
        say Advance podinfo.test canary iteration 1/10"#]]
    .assert_eq(&world.log.join("\n"));
    let over = world.run(&plan, 20).unwrap();
    assert_eq!((over.ending, world.split), (Ending::Promoted { skipped: false }, Split::PRIMARY));
}

#[test]
fn replicas_share_the_traffic_where_nothing_routes_it() {
    let plan = canaries::plan(|canary| {
        canary["spec"]["provider"] = json!("kubernetes");
        canary["spec"]["analysis"]["mirror"] = json!(true);
    });
    let mut world = World::pushed(&plan, "v2");
    let over = world.run(&plan, 20).unwrap();
    let splits: Vec<_> = world.log.iter().filter(|line| line.starts_with("split")).collect();
    assert_eq!(splits, ["split 80/20", "split 60/40", "split 40/60", "split 100/0"]);
    assert_eq!(over.ending, Ending::Promoted { skipped: false });
}

#[test]
fn traffic_can_go_back_to_the_primary_step_by_step() {
    check(
        "v2",
        |canary| canary["spec"]["analysis"]["stepWeightPromotion"] = json!(40),
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            status Progressing weight=20 failed=0 iterations=0
            split 80/20
            say Advance podinfo.test canary weight 20
            status Progressing weight=40 failed=0 iterations=0
            split 60/40
            say Advance podinfo.test canary weight 40
            status Progressing weight=60 failed=0 iterations=0
            split 40/60
            say Advance podinfo.test canary weight 60
            status Promoting weight=60 failed=0 iterations=0
            say Copying podinfo.test template spec to podinfo-primary.test
            status Promoting weight=20 failed=0 iterations=0
            split 80/20
            say Advance podinfo.test primary weight 80
            split 100/0
            say Advance podinfo.test primary weight 100
            status Finalising weight=0 failed=0 iterations=0
            status Succeeded weight=0 failed=0 iterations=0
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}

#[test]
fn analysis_can_be_skipped() {
    check(
        "v2",
        |canary| canary["spec"]["skipAnalysis"] = json!(true),
        |_| {},
        &expect![[r#"
        status Progressing weight=0 failed=0 iterations=0
        say New revision detected! Scaling up podinfo.test
        alert Info: New revision detected, progressing canary analysis.
        say Copying podinfo.test template spec to podinfo-primary.test
        split 100/0
        status Succeeded weight=0 failed=0 iterations=0
        say Promotion completed! Canary analysis was skipped for podinfo.test
        alert Info: Canary analysis was skipped, promotion finished.
        Some(Promoted { skipped: true })
    "#]],
    );
}

#[test]
fn ab_testing_sends_the_chosen_requests_to_the_canary_and_checks_it() {
    check(
        "v2",
        |canary| {
            canary["spec"]["analysis"] = json!({
                "interval": "30s", "threshold": 2, "iterations": 2,
                "match": [{"headers": {"x-user": {"exact": "insider"}}}],
            });
        },
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            split 0/100
            status Progressing weight=0 failed=0 iterations=1
            say Advance podinfo.test canary iteration 1/2
            split 0/100
            status Progressing weight=0 failed=0 iterations=2
            say Advance podinfo.test canary iteration 2/2
            status Promoting weight=0 failed=0 iterations=2
            say Copying podinfo.test template spec to podinfo-primary.test
            say Routing all traffic to primary
            split 100/0
            status Finalising weight=0 failed=0 iterations=0
            status Succeeded weight=0 failed=0 iterations=0
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}

#[test]
fn a_canary_is_mirrored_for_one_step_before_its_first_traffic() {
    check(
        "v2",
        |canary| {
            canary["spec"]["analysis"]["mirror"] = json!(true);
            canary["spec"]["analysis"]["maxWeight"] = json!(20);
        },
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            status Progressing weight=0 failed=0 iterations=0
            split 100/0 mirrored
            say Advance podinfo.test canary weight 0
            status Progressing weight=20 failed=0 iterations=0
            split 80/20
            say Advance podinfo.test canary weight 20
            status Promoting weight=20 failed=0 iterations=0
            say Copying podinfo.test template spec to podinfo-primary.test
            say Routing all traffic to primary
            split 100/0
            status Finalising weight=0 failed=0 iterations=0
            status Succeeded weight=0 failed=0 iterations=0
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}

#[test]
fn blue_green_mirrors_until_the_switch() {
    check(
        "v2",
        |canary| {
            canary["spec"]["analysis"] = json!({"interval": "30s", "threshold": 2, "iterations": 2, "mirror": true});
        },
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            split 100/0 mirrored
            status Progressing weight=0 failed=0 iterations=1
            say Advance podinfo.test canary iteration 1/2
            status Progressing weight=0 failed=0 iterations=2
            say Advance podinfo.test canary iteration 2/2
            say Stop traffic mirroring and route all traffic to canary
            split 0/100
            status Progressing weight=0 failed=0 iterations=3
            status Promoting weight=0 failed=0 iterations=3
            say Copying podinfo.test template spec to podinfo-primary.test
            say Routing all traffic to primary
            split 100/0
            status Finalising weight=0 failed=0 iterations=0
            status Succeeded weight=0 failed=0 iterations=0
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}

#[test]
fn listed_steps_are_climbed_one_by_one() {
    check(
        "v2",
        |canary| {
            canary["spec"]["analysis"] = json!({"interval": "30s", "threshold": 2, "stepWeights": [1, 10, 80]});
        },
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            status Progressing weight=1 failed=0 iterations=0
            split 99/1
            say Advance podinfo.test canary weight 1
            status Progressing weight=10 failed=0 iterations=0
            split 90/10
            say Advance podinfo.test canary weight 10
            status Progressing weight=80 failed=0 iterations=0
            split 20/80
            say Advance podinfo.test canary weight 80
            status Promoting weight=80 failed=0 iterations=0
            say Copying podinfo.test template spec to podinfo-primary.test
            say Routing all traffic to primary
            split 100/0
            status Finalising weight=0 failed=0 iterations=0
            status Succeeded weight=0 failed=0 iterations=0
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}
