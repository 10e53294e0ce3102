//! Expressions against the results of the peer's own console, and against the language's specification.

use std::sync::Arc;

use super::functions::FunctionContext;
use super::scope::Scope;
use super::testing::{check_errors, check_results, eval};
use crate::value::{Type, Value};

fn scope() -> Scope {
    let mut scope = Scope::new(Arc::new(FunctionContext::detached()));
    scope.insert("var", "unknown", Value::unknown(Type::String));
    scope.insert("var", "secret", Value::from("hunter2").marked(true));
    scope.insert("var", "list", Value::strings(["a", "b"]));
    scope
}

fn results(table: &[(&str, &str)]) {
    check_results(&scope(), table);
}

fn errors(table: &[(&str, &str)]) {
    check_errors(&scope(), table);
}

#[test]
fn arithmetic_and_logic() {
    results(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("-5 % 3", "-2"),
        ("7 / 2", "3.5"),
        ("- -1", "1"),
        ("10 - 4 - 3", "3"),
        ("2 * 3 % 4", "2"),
        (r#"1 + "2""#, "3"),
        ("1e3", "1000"),
        ("0.1 + 0.2", "0.3"),
        ("12345678901234567890 + 1", "12345678901234567891"),
        ("true && false || true", "true"),
        ("true || false && false", "true"),
        ("!true", "false"),
        ("!false && true", "true"),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3", "true"),
        ("1 + 1 == 2", "true"),
        (r#"[1 == "1", "a" == "a", 1 != 2]"#, "[false,true,true]"),
        ("[[1, 2] == [1, 2], { a = 1 } == { a = 1 }, null == null, [1] == [2]]", "[true,true,true,false]"),
    ]);
    errors(&[
        ("1 / 0", "zero"),
        ("5 % 0", "zero"),
        (r#"-"a""#, "number"),
        ("!1", "bool"),
        (r#"1 + "x""#, "number"),
        (r#"1 > "a""#, "number"),
        (r#""a" < "b""#, "number"),
        ("1 && true", "bool"),
        ("null + 1", "null"),
    ]);
}

#[test]
fn conditionals() {
    results(&[
        (r#"true ? "a" : 1"#, r#""a""#),
        (r#"false ? "a" : 1"#, r#""1""#),
        ("true ? 1 : null", "1"),
        ("false ? 1 : null", "null"),
        ("true ? [] : [1]", "[]"),
        (r#""true" ? 1 : 2"#, "1"),
        ("1 > 2 ? 1 : 2 > 1 ? 3 : 4", "3"),
    ]);
    errors(&[("false ? 1 : [2]", ""), ("1 ? 2 : 3", "bool"), ("null ? 1 : 2", "")]);
}

#[test]
fn loops_and_splats() {
    results(&[
        (r#"[for x in ["a", "b"] : upper(x)]"#, r#"["A","B"]"#),
        (r#"[for i, x in ["a", "b"] : "${i}${x}" if x != "a"]"#, r#"["1b"]"#),
        ("[for k, v in { b = 1, a = 2 } : \"${k}${v}\"]", r#"["a2","b1"]"#),
        ("{ for k, v in { a = 1, b = 2 } : v => k }", r#"{"1":"a","2":"b"}"#),
        (r#"{ for x in ["a", "b", "a"] : x => x... }"#, r#"{"a":["a","a"],"b":["b"]}"#),
        ("[for x in [[1], [2, 3]] : [for y in x : y * 2]]", "[[2],[4,6]]"),
        ("[{ a = 1 }, { a = 2 }][*].a", "[1,2]"),
        ("[{ a = [1] }, { a = [2] }].*.a.0", "[1,2]"),
        ("{ a = 1 }[*]", r#"[{"a":1}]"#),
        ("{ a = 1 }[*].a", "[1]"),
        ("null[*]", "[]"),
        ("[[1, 2], [3]][*][0]", "[1,3]"),
        ("var.list[*]", r#"["a","b"]"#),
    ]);
    errors(&[
        (r#"{ for x in ["a", "a"] : x => x }"#, "a"),
        ("[for x in 1 : x]", ""),
        ("[for x in null : x]", "null"),
        ("[for x in [1] : x if 1]", "bool"),
        ("[{ a = 1 }, {}][*].a", "a"),
    ]);
}

#[test]
fn templates() {
    results(&[
        (r#""x${1}y${true}""#, r#""x1ytrue""#),
        (r#""${[1]}""#, "[1]"),
        (r#""${1}""#, "1"),
        (r#""${{ a = 1 }}""#, r#"{"a":1}"#),
        (r#""%{ if true }a%{ else }b%{ endif }""#, r#""a""#),
        (r#""%{ if false }a%{ endif }""#, r#""""#),
        (r#""%{ for x in [1,2] ~} ${x} %{ endfor }""#, r#""1 2 ""#),
        (r#""%{ for i, x in ["a"] }${i}=${x};%{ endfor }""#, r#""0=a;""#),
        (r#""a ${~ 1 ~} b""#, r#""a1b""#),
        (r#""$${a} %%{b} $ % {}""#, r#""${a} %{b} $ % {}""#),
        (r#""\u00e9\n\t\"\\""#, r#""é\n\t\"\\""#),
        (r#""\U0001F600""#, r#""😀""#),
        (r#""e\u0301""#, r#""é""#),
        (r#""${"a" == "a" ? "yes" : "no"}""#, r#""yes""#),
        ("\"${\"${1}\"}\"", "1"),
        ("<<EOT\na\n  ${1 + 1}\nEOT", r#""a\n  2\n""#),
        ("<<-EOT\n    a\n      b\n    EOT", r#""a\n  b\n""#),
        ("<<EOT\n%{ for x in [1, 2] ~}\n- ${x}\n%{ endfor ~}\nend\nEOT", r#""- 1\n- 2\nend\n""#),
    ]);
    errors(&[
        (r#""x${[1]}""#, "tuple"),
        (r#""x${null}""#, "null"),
        (r#""%{ for x in 1 }%{ endfor }""#, ""),
        (r#""${nope}""#, "nope"),
    ]);
}

#[test]
fn objects_and_places() {
    results(&[
        (r#"{ "a": 1, b = 2, (upper("c")) = 3 }"#, r#"{"C":3,"a":1,"b":2}"#),
        (r#"{ "x y" = 1, 5 = 2, "${"a"}b" = 3 }"#, r#"{"5":2,"ab":3,"x y":1}"#),
        ("[1, 2, 3][1]", "2"),
        ("[1, 2, 3].1", "2"),
        (r#"[1, 2]["1"]"#, "2"),
        ("{ a = { b = 1 } }.a.b", "1"),
        (r#"{ a = 1 }["a"]"#, "1"),
        ("{ a = 1, }", r#"{"a":1}"#),
        ("[1, 2,]", "[1,2]"),
        ("var.list.1", r#""b""#),
    ]);
    errors(&[
        ("[1][5]", "5"),
        ("{ a = 1 }.b", "b"),
        (r#""abc"[0]"#, ""),
        ("[1][-1]", ""),
        ("[1][0.5]", ""),
        ("null.a", "null"),
        ("var.lst", "lst"),
        ("vra.list", "vra"),
        ("{ a = 1, a = 2 }", "a"),
    ]);
}

#[test]
fn forms_that_are_no_functions() {
    results(&[
        ("[can(1), can(nope), can([].x)]", "[true,false,false]"),
        ("try(nope, 1)", "1"),
        (r#"try([].x, {}["a"], "z")"#, r#""z""#),
        (r#"convert(["b", "a", "a"], set(string))"#, r#"["a","b"]"#),
        (r#"convert("1", number)"#, "1"),
        ("convert({ a = 1 }, map(string))", r#"{"a":"1"}"#),
        ("convert({ a = 1 }, object({ a = string, b = optional(number, 5) }))", r#"{"a":"1","b":5}"#),
        (r#"convert("true", bool)"#, "true"),
    ]);
    errors(&[
        ("try(nope)", "nope"),
        (r#"convert("x", number)"#, "number"),
        ("tostring(1)", "Terraform"),
        ("uper(\"a\")", "uper"),
        ("env(\"HOME\")", "default of a variable"),
        ("max(1...)", "number"),
    ]);
}

#[test]
fn unknown_and_sensitive_spread() {
    let scope = scope();
    for text in [
        "\"a${var.unknown}\"",
        "var.unknown == \"x\"",
        "var.unknown ? 1 : 2",
        "[for x in [var.unknown] : upper(x)][0]",
        "try(var.unknown, 1)",
    ] {
        match text.contains('?') {
            // Text is no condition, known or not: the peer tells at run time, this may tell now.
            true => drop(eval(text, &scope)),
            false => assert!(eval(text, &scope).unwrap().is_unknown(), "{text}"),
        }
    }
    check_results(&scope, &[("[var.unknown, 1][1]", "1"), ("true ? 1 : var.unknown", "\"1\"")]);
    for text in ["\"a${var.secret}\"", "var.secret == \"x\"", "var.secret == \"\" ? 1 : 2", "[var.secret][0]"] {
        assert!(eval(text, &scope).unwrap().sensitive, "{text}");
    }
    let list = eval("[var.secret, 1]", &scope).unwrap();
    assert!(list.has_sensitive() && !list.sensitive);
}

/// As deep as the parser goes, so deep goes the evaluator.
#[test]
fn nesting_ends_with_an_error_not_with_the_process() {
    for (open, close) in [("(", ")"), ("[", "]"), ("-", ""), ("!", ""), ("{a=", "}"), ("upper(", ")"), ("\"${", "}\"")]
    {
        let text = format!("{}1{}", open.repeat(3000), close.repeat(3000));
        let text = if open == "!" { text.replace('1', "true") } else { text };
        let deep = std::thread::Builder::new().stack_size(8 << 20).spawn(move || eval(&text, &scope()).is_ok());
        deep.unwrap().join().unwrap_or_else(|_| panic!("{open}"));
    }
}
