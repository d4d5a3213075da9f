use std::sync::Arc;

use super::{Key, Program, Type, Val};

const BUDGET: u64 = 100_000;

/// What an expression of constants evaluates to, or why it doesn't.
fn eval(source: &str) -> String {
    match Program::compile(source, &[]) {
        Err(error) => error.lines().next().unwrap_or_default().to_owned(),
        Ok(program) => match program.run(&[], &mut BUDGET.clone()) {
            Ok(value) => super::library::display(&value),
            Err(error) => format!("failed: {error}"),
        },
    }
}

#[test]
fn expressions_have_the_values_that_the_language_gives_them() {
    let cases = [
        ("1 + 2 * 3 - -4", "11"),
        ("7 / 2 == 3 && 7 % 2 == 1 && -7 / 2 == -3", "true"),
        ("1.5 < 2 || false", "true"),
        ("size('naïve') == 5 && 'abc'.size() == 3", "true"),
        (r#"'a\n\x41\u00e9' + r'\d' + """x"y""""#, "a\nAé\\dx\"y"),
        ("[1, 2, 3].exists(x, x == 2) && ![1, 2].all(x, x < 2)", "true"),
        ("[1, 2, 3].filter(x, x != 2).map(x, x * 10)", "[10, 30]"),
        ("[1, 1, 2].exists_one(x, x == 2) && ![1, 1].exists_one(x, x == 1)", "true"),
        ("{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && {'a': 1}['a'] == 1 && has({'a': 1}.a)", "true"),
        ("{'a': 1}.all(k, v, k == 'a' && v == 1)", "true"),
        ("'podinfo.test'.matches('^[a-z]+[.]test$') && 'x'.matches('(?i)^X$')", "true"),
        ("'a/b/c'.split('/').join('-') + 'abc'.substring(1, 2).upperAscii()", "a-b-cB"),
        ("'%s has %d of %.1f'.format(['it', 3, 2.5])", "it has 3 of 2.5"),
        ("duration('1h30m') > duration('89m59s') && duration('500ms') + duration('1s') == duration('1.5s')", "true"),
        ("timestamp('2026-01-01T00:00:00Z') - timestamp('2025-12-31T23:59:00Z') == duration('60s')", "true"),
        ("url('https://example.com:8443/a?b=c').getHostname() + url('http://[::1]:80/').getPort()", "example.com80"),
        ("isURL('https://x.y') && !isURL('x y') && isIP('10.0.0.1') && !isIP('ten')", "true"),
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP('11.1.2.3')", "true"),
        ("quantity('1Gi').isGreaterThan(quantity('1000M')) && quantity('1500m') == quantity('1.5')", "true"),
        ("optional.none().orValue(5) + {'a': 2}[?'a'].optMap(x, x + 1).orValue(0)", "8"),
        ("[3, 1, 2].max() + [3, 1].sum() + [1, 2].indexOf(2)", "8"),
        ("type(1) == int && string(5) + string(true) == '5true' && int('42') == 42", "true"),
        ("false && 1 / 0 == 1 || [0, 1].exists(x, 1 / x == 1)", "true"),
    ];
    for (source, expected) in cases {
        assert_eq!(eval(source), expected, "{source}");
    }
}

#[test]
fn what_has_no_value_fails_by_name() {
    let cases = [
        ("1 / 0 == 1", "failed: division by zero"),
        ("9223372036854775807 + 1 == 0", "failed: integer overflow"),
        ("[1][3] == 1", "failed: index out of bounds: 3"),
        ("{'a': 1}.b == 1", "failed: no such key: b"),
        ("int('x') == 1", "failed: type conversion error from 'string' to 'int'"),
        (
            "duration('soon') == duration('1s')",
            "failed: type conversion error from 'string' to 'google.protobuf.Duration'",
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(eval(source), expected, "{source}");
    }
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    let fields = [("name".to_owned(), Type::Text), ("port".to_owned(), Type::Int)];
    let this = Type::Object(Arc::new(fields.into_iter().collect()));
    let cases = [
        ("self.nmae == 'x'", "ERROR: <input>:1:5: undefined field 'nmae'"),
        ("self.port == 'x'", "ERROR: <input>:1:11: found no matching overload for '_==_' applied to '(int, string)'"),
        (
            "self.name.size(1) == 1",
            "ERROR: <input>:1:10: found no matching overload for 'size' applied to 'string.(int)'",
        ),
        ("slef.name == ''", "ERROR: <input>:1:1: undeclared reference to 'slef' (in container '')"),
        ("authorizer.path('x') == 1", "ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')"),
        ("lower(self.name) == ''", "ERROR: <input>:1:1: undeclared reference to 'lower' (in container '')"),
        ("self.name.matches('(')", "ERROR: <input>:1:19: invalid matches argument: regex parse error:"),
        ("self.name ==", "ERROR: <input>:1:13: Syntax error: mismatched input '<EOF>' expecting 'expression'"),
        (
            "self.name.all(c, true)",
            "ERROR: <input>:1:10: expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)",
        ),
    ];
    for (source, expected) in cases {
        let error = Program::compile(source, &[("self", this.clone())]).unwrap_err();
        assert_eq!(error.lines().next().unwrap(), expected, "{source}");
    }
}

#[test]
fn hostile_expressions_are_refused_or_cancelled() {
    let refused =
        ["(".repeat(5_000), "[".repeat(5_000), "1+".repeat(5_000) + "1", "!".repeat(50_000) + "x", "x".repeat(200_000)];
    for source in refused {
        assert!(Program::compile(&source, &[]).is_err());
    }
    let deepest = format!("{}1{} + {}1 == 199", "(".repeat(58), ")".repeat(58), "1 + ".repeat(197));
    assert_eq!(eval(&deepest), "true");
    let items = Val::list((0..200).map(Val::Int).collect());
    let source = "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))";
    let program = Program::compile(source, &[("self", Type::List(Arc::new(Type::Int)))]).unwrap();
    let error = program.run(&[("self", items)], &mut BUDGET.clone()).unwrap_err();
    assert_eq!(error.to_string(), "operation cancelled: actual cost limit exceeded");
}

#[test]
fn an_optional_reaches_through_what_is_missing() {
    let program = Program::compile("self.?a.b.orValue('none')", &[("self", Type::Dyn)]).unwrap();
    let run = |this: Val| super::library::display(&program.run(&[("self", this)], &mut BUDGET.clone()).unwrap());
    let map = |key: &str, value: Val| Val::Map(Arc::new([(Key::Text(key.into()), value)].into_iter().collect()));
    assert_eq!(run(map("x", Val::Null)), "none");
    assert_eq!(run(map("a", map("b", Val::text("found")))), "found");
}
