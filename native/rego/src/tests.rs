use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn compile(text: &str, dialect: Dialect) -> Result<Policy, Error> {
    Policy::compile(
        &[Module {
            name: "test.rego",
            text,
        }],
        dialect,
        SECOND,
    )
}

fn outcome(policy: &mut Policy, rule: &str, input: &str) -> Outcome {
    policy.evaluate(rule, input).unwrap().outcome
}

#[test]
fn a_rule_gives_its_value_or_nothing() {
    let mut policy = compile(
        "package p\nlarge if input.n > 2\nlist := {3, 1, 2}",
        Dialect::V1,
    )
    .unwrap();
    assert_eq!(
        outcome(&mut policy, "data.p.large", r#"{"n":3}"#),
        Outcome::Value("true".into())
    );
    assert_eq!(
        outcome(&mut policy, "data.p.large", r#"{"n":2}"#),
        Outcome::Undefined
    );
    assert_eq!(
        outcome(&mut policy, "data.p.absent", "{}"),
        Outcome::Undefined
    );
    let Outcome::Value(list) = outcome(&mut policy, "data.p.list", "{}") else {
        panic!("no value")
    };
    assert_eq!(list.split_whitespace().collect::<String>(), "[1,2,3]");
}

#[test]
fn each_dialect_reads_its_own_texts() {
    let without_if = "package p\nyes { true }";
    assert!(compile(without_if, Dialect::V0).is_ok());
    assert!(matches!(
        compile(without_if, Dialect::V1),
        Err(Error::Policy(_))
    ));
}

#[test]
fn the_data_document_is_replaced_not_merged() {
    let mut policy = compile("package p\ncopy := data.state", Dialect::V1).unwrap();
    policy.set_data(r#"{"state":{"a":1}}"#).unwrap();
    policy.set_data(r#"{"state":{"b":2}}"#).unwrap();
    let Outcome::Value(copy) = outcome(&mut policy, "data.p.copy", "{}") else {
        panic!("no value")
    };
    assert_eq!(copy.split_whitespace().collect::<String>(), r#"{"b":2}"#);
    assert!(matches!(policy.set_data("[]"), Err(Error::Data(_))));
}

#[test]
fn a_failing_built_in_is_undefined_and_a_conflict_is_a_failure() {
    let text = "package p\nbad if regex.match(\"(\", \"x\")\ntwo := 1 if true\ntwo := 2 if true";
    let mut policy = compile(text, Dialect::V1).unwrap();
    assert_eq!(outcome(&mut policy, "data.p.bad", "{}"), Outcome::Undefined);
    assert!(matches!(
        outcome(&mut policy, "data.p.two", "{}"),
        Outcome::Failed(_)
    ));
}

#[test]
fn printed_lines_belong_to_one_evaluation() {
    let mut policy = compile("package p\ntold if print(\"seen\", input.n)", Dialect::V1).unwrap();
    let first = policy.evaluate("data.p.told", r#"{"n":1}"#).unwrap();
    let second = policy.evaluate("data.p.told", r#"{"n":2}"#).unwrap();
    assert_eq!((first.prints.len(), second.prints.len()), (1, 1));
    assert!(second.prints[0].ends_with("seen 2"), "{:?}", second.prints);
}

#[test]
fn an_endless_evaluation_is_stopped() {
    let list = (0..400)
        .map(|n| n.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let text = format!(
        "package p\nl := [{list}]\nslow if {{ some a in l; some b in l; some c in l; a + b + c < 0 }}"
    );
    let module = Module {
        name: "slow.rego",
        text: &text,
    };
    let mut policy = Policy::compile(&[module], Dialect::V1, Duration::from_millis(50)).unwrap();
    assert!(matches!(
        outcome(&mut policy, "data.p.slow", "{}"),
        Outcome::Failed(_)
    ));
}

#[test]
fn only_paths_of_rules_are_evaluated() {
    let mut policy = compile("package p\nyes := true", Dialect::V1).unwrap();
    for rule in [
        "data",
        "input.x",
        "data.p.yes == true",
        "data.p[x]",
        "data.p.yes; true",
        "data.",
        "",
    ] {
        assert!(
            matches!(policy.evaluate(rule, "{}"), Err(Error::Rule(_))),
            "{rule}"
        );
    }
    let long = format!("data.{}", "p".repeat(MAX_RULE_BYTES));
    assert!(matches!(policy.evaluate(&long, "{}"), Err(Error::Rule(_))));
    assert!(matches!(
        policy.evaluate("data.p.yes", "{"),
        Err(Error::Input(_))
    ));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!(
        "package p\nx := {}1{}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(matches!(compile(&deep, Dialect::V1), Err(Error::Policy(_))));
    let mut policy = compile("package p\nyes := true", Dialect::V1).unwrap();
    let input = "[".repeat(100_000);
    assert!(matches!(
        policy.evaluate("data.p.yes", &input),
        Err(Error::Input(_))
    ));
}

#[test]
fn regular_expressions_are_complete() {
    let mut policy = compile("package p\nm := regex.match(input.r, input.t)", Dialect::V1).unwrap();
    for (pattern, text) in [
        (r"\\d", "1"),
        (r"\\bx", "x"),
        ("(?i)X", "x"),
        (r"\\pL", "é"),
        (r"\\d", "٣"),
    ] {
        let input = format!(r#"{{"r":"^{pattern}$","t":"{text}"}}"#);
        let found = outcome(&mut policy, "data.p.m", &input);
        assert_eq!(found, Outcome::Value("true".into()), "{pattern}");
    }
}

#[test]
fn large_regular_expressions_are_those_of_agents() {
    let mut policy = compile("package p\nm := regex.match(input.r, input.t)", Dialect::V1).unwrap();
    for (pattern, wanted) in [
        (r"^\\w{1,63}$", Outcome::Value("true".into())),
        (r"^[^/]{0,255}$", Outcome::Value("true".into())),
        (r"(\\w{100}){100}", Outcome::Undefined),
        (r"(", Outcome::Undefined),
    ] {
        let input = format!(r#"{{"r":"{pattern}","t":"abc"}}"#);
        assert_eq!(
            outcome(&mut policy, "data.p.m", &input),
            wanted,
            "{pattern}"
        );
    }
    assert_eq!(
        outcome(&mut policy, "data.p.m", r#"{"r":"a","t":1}"#),
        Outcome::Undefined
    );
}

#[test]
fn matches_are_found_with_their_groups() {
    let text = "package p\nf := regex.find_all_string_submatch_n(input.r, \"ab ac\", input.n)";
    let mut policy = compile(text, Dialect::V1).unwrap();
    for (pattern, n, wanted) in [
        ("a(.)", "1", r#"[["ab","b"]]"#),
        ("a(.)", "-1", r#"[["ab","b"],["ac","c"]]"#),
        ("a(b)?(x)?", "9", r#"[["ab","b",""],["a","",""]]"#),
        ("z", "1", "[]"),
        ("a", "0", "[]"),
    ] {
        let input = format!(r#"{{"r":"{pattern}","n":{n}}}"#);
        let Outcome::Value(found) = outcome(&mut policy, "data.p.f", &input) else {
            panic!("no value for {pattern}")
        };
        assert_eq!(found.split_whitespace().collect::<String>(), wanted);
    }
    assert_eq!(
        outcome(&mut policy, "data.p.f", r#"{"r":"a","n":0.5}"#),
        Outcome::Undefined
    );
}

#[test]
fn slow_regular_expressions_are_stopped() {
    let text = "package p\nslow if { some n in numbers.range(1, 10000); regex.match(sprintf(\"(\\\\w{20}){20}%d\", [n]), \"x\") }";
    let module = Module {
        name: "slow.rego",
        text,
    };
    let mut policy = Policy::compile(&[module], Dialect::V1, Duration::from_millis(50)).unwrap();
    let started = Instant::now();
    assert!(matches!(
        outcome(&mut policy, "data.p.slow", "{}"),
        Outcome::Failed(_)
    ));
    assert!(started.elapsed() < Duration::from_secs(20));
}
