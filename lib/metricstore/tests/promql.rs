//! What queries answer.
//!
//! The expected answers are Prometheus 2.42's own, at a moment when no sample lies on the edge of a window.

mod common;

use common::check;

#[test]
fn selectors_match_whole_values() {
    let series = &[r#"up{job="a",x="1"} 1+0x40"#, r#"up{job="ab"} 2+0x40"#, r#"down{job="a"} 3+0x40"#];
    check(series, "up", &[r#"{__name__="up", job="a", x="1"} 1"#, r#"{__name__="up", job="ab"} 2"#]);
    check(series, r#"up{job="a"}"#, &[r#"{__name__="up", job="a", x="1"} 1"#]);
    check(series, r#"up{job=~"a"}"#, &[r#"{__name__="up", job="a", x="1"} 1"#]);
    check(series, r#"up{job=~"a|ab"}"#, &[r#"{__name__="up", job="a", x="1"} 1"#, r#"{__name__="up", job="ab"} 2"#]);
    check(series, r#"up{job!~"a"}"#, &[r#"{__name__="up", job="ab"} 2"#]);
    check(series, r#"up{job!="a"}"#, &[r#"{__name__="up", job="ab"} 2"#]);
    check(series, r#"up{x=""}"#, &[r#"{__name__="up", job="ab"} 2"#]);
    check(series, r#"up{x!=""}"#, &[r#"{__name__="up", job="a", x="1"} 1"#]);
    check(series, r#"{__name__="down"}"#, &[r#"{__name__="down", job="a"} 3"#]);
    check(
        series,
        r#"{__name__=~"up|down",job="a"}"#,
        &[r#"{__name__="down", job="a"} 3"#, r#"{__name__="up", job="a", x="1"} 1"#],
    );
    check(series, r#"{__name__!="up",job!=""}"#, &[r#"{__name__="down", job="a"} 3"#]);
    check(series, r#"up{job="none"}"#, &[]);
}

#[test]
fn modifiers_move_the_moment() {
    let series = &["n 0+1x40"];
    check(series, "n", &[r#"{__name__="n"} 40"#]);
    check(series, "n offset 1m", &[r#"{__name__="n"} 36"#]);
    check(series, "n offset -30s", &[r#"{__name__="n"} 40"#]);
    check(series, "n @ 60", &[r#"{__name__="n"} 4"#]);
    check(series, "n @ start()", &[r#"{__name__="n"} 40"#]);
    check(series, "n @ end() offset 1m", &[r#"{__name__="n"} 36"#]);
    check(series, "n[1m]", &[r#"{__name__="n"} 37@555 38@570 39@585 40@600"#]);
    check(series, "n[1m] offset 30s", &[r#"{__name__="n"} 35@525 36@540 37@555 38@570"#]);
    check(series, "sum_over_time(n[30s] @ 100)", &["{} 11"]);
    check(series, "timestamp(n)", &["{} 600"]);
    check(series, "timestamp(n offset 1m)", &["{} 540"]);
    check(series, "timestamp(-n)", &["{} 607"]);
}

#[test]
fn rates_are_stretched_to_the_edges_of_their_window() {
    let series = &[
        "steady 0+15x40",
        "reset 0 10 20 30 0 10 20 30 0 10 20 30 0 10 20 30 0 10 20 30 0 10 20 30 0 10 20 30 0 10 20 30 0 10 20 30 0 10 20 30 0",
        "young _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 0+30x10",
        "high _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 900+30x10",
        "ended 0+15x38",
        "holes 0 _ _ 45 _ _ 90 _ _ 135 _ _ 180 _ _ 225 _ _ 270 _ _ 315 _ _ 360 _ _ 405 _ _ 450 _ _ 495 _ _ 540 _ _ 585 _",
        "once _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 7",
    ];
    check(series, "rate(steady[1m])", &["{} 0.9999999999999999"]);
    check(series, "rate(steady[20s])", &[]);
    check(series, "rate(steady[5m])", &["{} 0.9999999999999999"]);
    check(series, "increase(steady[1m])", &["{} 60"]);
    check(series, "irate(steady[1m])", &["{} 1"]);
    check(series, "rate(reset[1m])", &["{} 0.4444444444444444"]);
    check(series, "increase(reset[5m])", &["{} 147.36842105263156"]);
    check(series, "irate(reset[1m])", &["{} 0"]);
    check(series, "increase(young[5m])", &["{} 314"]);
    check(series, "increase(high[5m])", &["{} 329"]);
    check(series, "increase(ended[1m])", &["{} 30.5"]);
    check(series, "rate(holes[2m])", &["{} 0.9999999999999999"]);
    check(series, "rate(once[5m])", &[]);
    check(series, "rate(steady[10s])", &[]);
    check(series, "delta(reset[1m])", &["{} -13.333333333333332"]);
    check(series, "idelta(reset[1m])", &["{} -30"]);
    check(series, "deriv(steady[2m])", &["{} 1"]);
    check(series, "resets(reset[5m])", &["{} 5"]);
    check(series, "changes(reset[5m])", &["{} 19"]);
}

#[test]
fn samples_over_time_are_summarised() {
    let series = &["g 5 1 4 2 3 5 1 4 2 3 5 1 4 2 3 5 1 4 2 3 5 1 4 2 3 5 1 4 2 3 5 1 4 2 3 5 1 4 2 3 5"];
    check(series, "avg_over_time(g[1m])", &["{} 3.5"]);
    check(series, "min_over_time(g[1m])", &["{} 2"]);
    check(series, "max_over_time(g[1m])", &["{} 5"]);
    check(series, "sum_over_time(g[1m])", &["{} 14"]);
    check(series, "count_over_time(g[1m])", &["{} 4"]);
    check(series, "last_over_time(g[1m])", &[r#"{__name__="g"} 5"#]);
    check(series, "present_over_time(g[1m])", &["{} 1"]);
    check(series, "stddev_over_time(g[1m])", &["{} 1.118033988749895"]);
    check(series, "stdvar_over_time(g[1m])", &["{} 1.25"]);
    check(series, "quantile_over_time(0.5, g[1m])", &["{} 3.5"]);
    check(series, "quantile_over_time(0.9, g[1m])", &["{} 4.7"]);
    check(series, "quantile_over_time(2, g[1m])", &["{} +Inf"]);
    check(series, "max_over_time(g[5m:1m])", &["{} 5"]);
    check(series, "max_over_time(rate(g[1m])[2m:32s])", &["{} 0.1333333333333333"]);
    check(series, "count_over_time(rate(g[1m])[2m:32s])", &["{} 3"]);
    check(series, "sum_over_time((g > 2)[2m:15s])", &["{} 20"]);
}

#[test]
fn groups_are_aggregated() {
    let series = &[
        r#"r{pod="a",code="200"} 10+0x40"#,
        r#"r{pod="a",code="500"} 2+0x40"#,
        r#"r{pod="b",code="200"} 30+0x40"#,
        r#"r{pod="b",code="500"} NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN"#,
    ];
    check(series, "sum(r)", &["{} NaN"]);
    check(series, "sum by (pod) (r)", &[r#"{pod="a"} 12"#, r#"{pod="b"} NaN"#]);
    check(series, r#"sum without (code) (r{code="200"})"#, &[r#"{pod="a"} 10"#, r#"{pod="b"} 30"#]);
    check(series, "avg by (code) (r)", &[r#"{code="200"} 20"#, r#"{code="500"} NaN"#]);
    check(series, "min(r)", &["{} 2"]);
    check(series, "max by (code) (r)", &[r#"{code="200"} 30"#, r#"{code="500"} 2"#]);
    check(series, "count(r)", &["{} 4"]);
    check(series, "count by (nope) (r)", &["{} 4"]);
    check(series, "group by (pod) (r)", &[r#"{pod="a"} 1"#, r#"{pod="b"} 1"#]);
    check(series, r#"stddev by (pod) (r{pod="a"})"#, &[r#"{pod="a"} 4"#]);
    check(series, r#"stdvar(r{code="200"})"#, &["{} 100"]);
    check(series, r#"quantile(0.5, r{code="200"})"#, &["{} 20"]);
    check(series, "quantile by (pod) (0.9, r)", &[r#"{pod="a"} 9.2"#, r#"{pod="b"} NaN"#]);
    check(
        series,
        "topk(2, r)",
        &[r#"{__name__="r", code="200", pod="b"} 30"#, r#"{__name__="r", code="200", pod="a"} 10"#],
    );
    check(series, "bottomk(1, r)", &[r#"{__name__="r", code="500", pod="a"} 2"#]);
    check(
        series,
        "topk(1, r) by (pod)",
        &[r#"{__name__="r", code="200", pod="a"} 10"#, r#"{__name__="r", code="200", pod="b"} 30"#],
    );
    check(series, "topk(0, r)", &[]);
    check(series, "sum by (__name__, pod) (r)", &[r#"{__name__="r", pod="a"} 12"#, r#"{__name__="r", pod="b"} NaN"#]);
    check(series, "sum(none)", &[]);
    check(series, "count(none) or vector(0)", &["{} 0"]);
}

#[test]
fn numbers_and_vectors_are_combined() {
    let series = &[r#"v{a="1"} 6+0x40"#, r#"v{a="2"} -4+0x40"#];
    check(series, "1 + 2 * 3 ^ 2 % 4 - -1", &["4"]);
    check(series, "-2 ^ 2", &["-4"]);
    check(series, "2 ^ 3 ^ 2", &["512"]);
    check(series, "1 > bool 2", &["0"]);
    check(series, "1 / 0", &["+Inf"]);
    check(series, "-1 / 0", &["-Inf"]);
    check(series, "0 / 0", &["NaN"]);
    check(series, "1e20 * 1", &["100000000000000000000"]);
    check(series, "v * 1e21", &[r#"{a="1"} 6e+21"#, r#"{a="2"} -4e+21"#]);
    check(series, "v + 1", &[r#"{a="1"} 7"#, r#"{a="2"} -3"#]);
    check(series, "10 - v", &[r#"{a="1"} 4"#, r#"{a="2"} 14"#]);
    check(series, "v % 5", &[r#"{a="1"} 1"#, r#"{a="2"} -4"#]);
    check(series, "v ^ 2", &[r#"{a="1"} 36"#, r#"{a="2"} 16"#]);
    check(series, "v / 0", &[r#"{a="1"} +Inf"#, r#"{a="2"} -Inf"#]);
    check(series, "-v", &[r#"{a="1"} -6"#, r#"{a="2"} 4"#]);
    check(series, "v > 0", &[r#"{__name__="v", a="1"} 6"#]);
    check(series, "v > bool 0", &[r#"{a="1"} 1"#, r#"{a="2"} 0"#]);
    check(series, "0 < v", &[r#"{__name__="v", a="1"} 6"#]);
    check(series, "3 >= bool v", &[r#"{a="1"} 0"#, r#"{a="2"} 1"#]);
    check(series, "v == v", &[r#"{__name__="v", a="1"} 6"#, r#"{__name__="v", a="2"} -4"#]);
    check(series, "v != v", &[]);
    check(series, "time()", &["607"]);
    check(series, "vector(time())", &["{} 607"]);
    check(series, r#""text""#, &["text"]);
    check(series, r#"scalar(v{a="1"}) * 2"#, &["12"]);
    check(series, "scalar(v)", &["NaN"]);
    check(series, "sum(v) / count(v)", &["{} 1"]);
}

#[test]
fn vectors_find_their_partners() {
    let series = &[
        r#"r{pod="a",code="200"} 90+0x40"#,
        r#"r{pod="a",code="500"} 10+0x40"#,
        r#"all{pod="a"} 100+0x40"#,
        r#"all{pod="b"} 50+0x40"#,
        r#"info{pod="a",version="v2"} 1+0x40"#,
    ];
    check(
        series,
        "r / ignoring(code) group_left all",
        &[r#"{code="200", pod="a"} 0.9"#, r#"{code="500", pod="a"} 0.1"#],
    );
    check(series, "r / on(pod) group_left() all", &[r#"{code="200", pod="a"} 0.9"#, r#"{code="500", pod="a"} 0.1"#]);
    check(series, "all * on(pod) group_right() r", &[r#"{code="200", pod="a"} 9000"#, r#"{code="500", pod="a"} 1000"#]);
    check(
        series,
        "r * on(pod) group_left(version) info",
        &[r#"{code="200", pod="a", version="v2"} 90"#, r#"{code="500", pod="a", version="v2"} 10"#],
    );
    check(series, "all + on(pod) info", &[r#"{pod="a"} 101"#]);
    check(series, "all > on(pod) info", &[r#"{pod="a"} 100"#]);
    check(series, "all > bool on(pod) info", &[r#"{pod="a"} 1"#]);
    check(
        series,
        "info < on(pod) group_right r",
        &[r#"{__name__="r", code="200", pod="a"} 1"#, r#"{__name__="r", code="500", pod="a"} 1"#],
    );
    check(
        series,
        "r and on(pod) info",
        &[r#"{__name__="r", code="200", pod="a"} 90"#, r#"{__name__="r", code="500", pod="a"} 10"#],
    );
    check(series, "all unless on(pod) info", &[r#"{__name__="all", pod="b"} 50"#]);
    check(
        series,
        r#"all or r{code="500"}"#,
        &[
            r#"{__name__="all", pod="a"} 100"#,
            r#"{__name__="all", pod="b"} 50"#,
            r#"{__name__="r", code="500", pod="a"} 10"#,
        ],
    );
    check(series, "all and on() vector(1)", &[r#"{__name__="all", pod="a"} 100"#, r#"{__name__="all", pod="b"} 50"#]);
    check(
        series,
        "r / on(pod) all",
        &["error: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"],
    );
    check(
        series,
        "all / on(pod) r",
        &[
            r#"error: found duplicate series for the match group {pod="a"} on the right hand-side of the operation: [{__name__="r", code="500", pod="a"}, {__name__="r", code="200", pod="a"}];many-to-many matching not allowed: matching labels must be unique on one side"#,
        ],
    );
    check(
        series,
        "r * on(pod) group_left(code) info",
        &["error: multiple matches for labels: grouping labels must ensure unique matches"],
    );
    check(series, "sum(none) / sum(r) or vector(100)", &["{} 100"]);
}

#[test]
fn histograms_are_interpolated() {
    let series = &[
        r#"h_bucket{pod="a",le="0.1"} 0+5x40"#,
        r#"h_bucket{pod="a",le="0.5"} 0+9x40"#,
        r#"h_bucket{pod="a",le="+Inf"} 0+10x40"#,
        r#"h_bucket{pod="b",le="0.1"} 0+1x40"#,
        r#"h_bucket{pod="b",le="0.5"} 0+10x40"#,
        r#"h_bucket{pod="b",le="+Inf"} 0+10x40"#,
        r#"neg_bucket{le="-1"} 0+1x40"#,
        r#"neg_bucket{le="0"} 0+2x40"#,
        r#"neg_bucket{le="+Inf"} 0+3x40"#,
        r#"falling_bucket{le="1"} 0+3x40"#,
        r#"falling_bucket{le="2"} 0+2x40"#,
        r#"falling_bucket{le="4"} 0+5x40"#,
        r#"falling_bucket{le="+Inf"} 0+5x40"#,
        r#"open_bucket{le="1"} 0+1x40"#,
        r#"open_bucket{le="2"} 0+1x40"#,
        r#"lone_bucket{le="+Inf"} 0+1x40"#,
        r#"twice_bucket{le="1"} 0+1x40"#,
        r#"twice_bucket{le="1.0"} 0+1x40"#,
        r#"twice_bucket{le="x"} 0+1x40"#,
        r#"twice_bucket{le="+Inf"} 0+4x40"#,
    ];
    check(series, "histogram_quantile(0.5, sum(rate(h_bucket[1m])) by (le))", &["{} 0.22307692307692306"]);
    check(
        series,
        "histogram_quantile(0.5, rate(h_bucket[1m]))",
        &[r#"{pod="a"} 0.1"#, r#"{pod="b"} 0.2777777777777778"#],
    );
    check(
        series,
        "histogram_quantile(0.99, rate(h_bucket[1m]))",
        &[r#"{pod="a"} 0.5"#, r#"{pod="b"} 0.4955555555555555"#],
    );
    check(series, "histogram_quantile(0, rate(h_bucket[1m]))", &[r#"{pod="a"} 0"#, r#"{pod="b"} 0"#]);
    check(series, "histogram_quantile(1, h_bucket)", &[r#"{pod="a"} 0.5"#, r#"{pod="b"} 0.5"#]);
    check(series, r#"histogram_quantile(-1, h_bucket{pod="a"})"#, &[r#"{pod="a"} -Inf"#]);
    check(series, r#"histogram_quantile(2, h_bucket{pod="a"})"#, &[r#"{pod="a"} +Inf"#]);
    check(series, r#"histogram_quantile(NaN, h_bucket{pod="a"})"#, &[r#"{pod="a"} NaN"#]);
    check(series, "histogram_quantile(0.2, neg_bucket)", &["{} -1"]);
    check(series, "histogram_quantile(0.5, neg_bucket)", &["{} -0.5"]);
    check(series, "histogram_quantile(0.5, falling_bucket)", &["{} 0.8333333333333334"]);
    check(series, "histogram_quantile(0.9, falling_bucket)", &["{} 3.5"]);
    check(series, "histogram_quantile(0.5, open_bucket)", &["{} NaN"]);
    check(series, "histogram_quantile(0.5, lone_bucket)", &["{} NaN"]);
    check(series, "histogram_quantile(0.4, twice_bucket)", &["{} 0.8"]);
    check(series, "histogram_quantile(0.9, rate(none_bucket[1m]))", &[]);
    check(series, r#"histogram_quantile(0.9, increase(h_bucket{pod="a"}[1m]) * 0)"#, &[r#"{pod="a"} NaN"#]);
}

#[test]
fn values_are_mapped() {
    let series = &[r#"v{a="1"} 2.55+0x40"#, r#"v{a="2"} -2.5+0x40"#];
    check(series, "abs(v)", &[r#"{a="1"} 2.55"#, r#"{a="2"} 2.5"#]);
    check(series, "ceil(v)", &[r#"{a="1"} 3"#, r#"{a="2"} -2"#]);
    check(series, "floor(v)", &[r#"{a="1"} 2"#, r#"{a="2"} -3"#]);
    check(series, "round(v)", &[r#"{a="1"} 3"#, r#"{a="2"} -2"#]);
    check(series, "round(v, 0.1)", &[r#"{a="1"} 2.6"#, r#"{a="2"} -2.5"#]);
    check(series, "clamp(v, -1, 2)", &[r#"{a="1"} 2"#, r#"{a="2"} -1"#]);
    check(series, "clamp(v, 2, -1)", &[]);
    check(series, "clamp_min(v, 0)", &[r#"{a="1"} 2.55"#, r#"{a="2"} 0"#]);
    check(series, "clamp_max(v, 0)", &[r#"{a="1"} 0"#, r#"{a="2"} -2.5"#]);
    check(series, "sgn(v)", &[r#"{a="1"} 1"#, r#"{a="2"} -1"#]);
    check(series, "sqrt(v)", &[r#"{a="1"} 1.5968719422671311"#, r#"{a="2"} NaN"#]);
    check(series, "sort(v)", &[r#"{__name__="v", a="2"} -2.5"#, r#"{__name__="v", a="1"} 2.55"#]);
    check(series, "sort_desc(v)", &[r#"{__name__="v", a="1"} 2.55"#, r#"{__name__="v", a="2"} -2.5"#]);
    check(series, "absent(v)", &[]);
    check(series, r#"absent(none{a="b", c=~"d", e="f"})"#, &[r#"{a="b", e="f"} 1"#]);
    check(series, "absent(sum(none))", &["{} 1"]);
    check(series, "vector(1)", &["{} 1"]);
    check(
        series,
        r#"label_replace(v, "b", "<$1>", "a", "(.*)")"#,
        &[r#"{__name__="v", a="1", b="<1>"} 2.55"#, r#"{__name__="v", a="2", b="<2>"} -2.5"#],
    );
    check(
        series,
        r#"label_replace(v, "b", "x", "a", "1")"#,
        &[r#"{__name__="v", a="1", b="x"} 2.55"#, r#"{__name__="v", a="2"} -2.5"#],
    );
    check(
        series,
        r#"label_replace(v, "a", "", "a", ".*")"#,
        &["error: vector cannot contain metrics with the same labelset"],
    );
    check(
        series,
        r#"label_join(v, "b", "-", "a", "none", "a")"#,
        &[r#"{__name__="v", a="1", b="1--1"} 2.55"#, r#"{__name__="v", a="2", b="2--2"} -2.5"#],
    );
    check(
        series,
        r#"label_replace(v, "1", "", "a", ".*")"#,
        &["error: invalid destination label name in label_replace(): 1"],
    );
    check(
        series,
        r#"label_replace(v, "b", "", "a", "(")"#,
        &["error: invalid regular expression in label_replace(): ("],
    );
    check(series, r#"label_join(v, "b", "-", "1")"#, &["error: invalid source label name in label_join(): 1"]);
}
