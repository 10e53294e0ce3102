//! Every function, by results of the peer's own console where it has the function, else by its documentation.

mod encoding;
mod parity;
mod service;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::eval::scope::Scope;
use crate::eval::testing::{check_errors, check_results, eval};

/// The run began on Tuesday 5 March 2024 at 17:08:09 UTC.
fn scope_in(folder: impl Into<PathBuf>) -> Scope {
    let folder = folder.into();
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_658_489);
    let cx = FunctionContext { root: folder.join("root"), cwd: folder, started, ..FunctionContext::detached() };
    let mut scope = Scope::new(Arc::new(cx));
    scope.insert("t", "unknown", Value::unknown(Type::String));
    scope.insert("t", "secret", Value::from("hunter2").marked(true));
    scope.insert("t", "map", Value::map(Type::String, [("a".to_owned(), "1".into())].into()));
    scope
}

fn results(table: &[(&str, &str)]) {
    check_results(&scope_in("/work"), table);
}

fn errors(table: &[(&str, &str)]) {
    check_errors(&scope_in("/work"), table);
}

#[test]
fn numbers() {
    results(&[
        ("abs(-1.5)", "1.5"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("[signum(-3), signum(0), signum(0.5)]", "[-1,0,1]"),
        ("log(1000, 10)", "2.9999999999999996"),
        ("log(16, 2)", "4"),
        ("pow(2, 10)", "1024"),
        ("pow(2, 0.5)", "1.4142135623730951"),
        ("max(1, 3, 2)", "3"),
        (r#"min("4", 3)"#, "3"),
        ("max([1, 2, 3]...)", "3"),
        (r#"[parseint("ff", 16), parseint("-z", 36), parseint("zZ", 62)]"#, "[255,-35,2231]"),
        ("sum([1, 2.5])", "3.5"),
        ("[alltrue([]), alltrue([true, false]), alltrue([true, null])]", "[true,false,false]"),
        (r#"[anytrue([]), anytrue([false, "true"])]"#, "[false,true]"),
    ]);
    errors(&[
        ("max()", "at least 1 argument"),
        (r#"parseint("9", 8)"#, "base 8"),
        (r#"parseint("1", 1)"#, "from 2 to 62"),
        ("sum([])", "empty"),
        (r#"sum(["a"])"#, "number"),
        ("sum([1, null])", "every element must be a number"),
        ("abs(null)", "null"),
        ("pow(0, -1)", "finite"),
        ("abs(1, 2)", "expects 1 argument, 2 given"),
        (r#"abs("x")"#, "number"),
    ]);
}

#[test]
fn texts() {
    results(&[
        (r#"chomp("a\n\r\n")"#, r#""a""#),
        (r#"indent(2, "a\nb\n")"#, r#""a\n  b\n  ""#),
        (r#"join("-", ["a", "b"], ["c"])"#, r#""a-b-c""#),
        (r#"join("-", [])"#, r#""""#),
        (r#"lower("ÀB")"#, r#""àb""#),
        (r#"upper("straße")"#, r#""STRAßE""#),
        (r#"title("hello wORLD don't x_y")"#, r#""Hello WORLD Don'T X_y""#),
        (r#"replace("a.b.c", ".", "-")"#, r#""a-b-c""#),
        (r#"replace("abc", "/b/", "x")"#, r#""abc""#),
        (r#"split(",", "a,b,")"#, r#"["a","b",""]"#),
        (r#"split(",", "")"#, r#"[""]"#),
        (r#"split("", "ab")"#, r#"["a","b"]"#),
        (r#"strrev("he\u0301llo")"#, r#""olléh""#),
        (r#"[substr("hello", 1, 3), substr("hello", -3, -1), substr("hello", 9, 1)]"#, r#"["ell","llo",""]"#),
        (r#"[substr("hello", 2, -1), substr("hello", 0, 0)]"#, r#"["llo",""]"#),
        (r#"trim("?!hi?!", "!?")"#, r#""hi""#),
        (r#"[trimprefix("aab", "a"), trimsuffix("baa", "a"), trimspace("\t a \n")]"#, r#"["ab","ba","a"]"#),
        (r#"[startswith("ab", "a"), endswith("ab", "a"), strcontains("abc", "b")]"#, "[true,false,true]"),
        (r#"[length("he\u0301llo"), length("👨‍👩‍👧"), length("")]"#, "[5,1,0]"),
    ]);
    errors(&[
        (r#"indent(-1, "a")"#, "not negative"),
        (r#"join("-", ["a", null])"#, "null"),
        (r#"join("-", 1)"#, ""),
        (
            r#"indent(1000000, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n")"#,
            "too large",
        ),
    ]);
}

#[test]
fn regular_expressions() {
    results(&[
        (r#"regex("[a-z]+", "123abc")"#, r#""abc""#),
        (r#"regex("(\\d+)-(\\d+)", "1-2")"#, r#"["1","2"]"#),
        (r#"regex("(?P<y>\\d+)-(?P<m>\\d+)", "1-2")"#, r#"{"m":"2","y":"1"}"#),
        (r#"regexall("[a-z]", "a1b")"#, r#"["a","b"]"#),
        (r#"regexall("x", "a")"#, "[]"),
        (r#"regex_replace("-ab-axxb-", "a(x*)b", "$1W")"#, r#""---""#),
        (r#"regex_replace("-ab-axxb-", "a(x*)b", "$${1}W")"#, r#""-W-xxW-""#),
        (r#"regex_replace("ab", "(?P<l>a)", "[$l]")"#, r#""[a]b""#),
    ]);
    errors(&[
        (r#"regex("a", "b")"#, "does not match"),
        (r#"regex("(", "b")"#, "no regular expression"),
        (r#"regex("(a)(?P<x>b)", "ab")"#, "mixed"),
        (r#"regex("((a{100}){100}){100}", "b")"#, "no regular expression"),
    ]);
}

#[test]
fn sequences() {
    results(&[
        (r#"chunklist(["a", "b", "c"], 2)"#, r#"[["a","b"],["c"]]"#),
        ("chunklist([], 2)", "[]"),
        ("chunklist([1, 2], 0)", "[[1,2]]"),
        (r#"compact(["a", "", null, "b"])"#, r#"["a","b"]"#),
        (r#"concat(["a"], [1, true], [])"#, r#"["a",1,true]"#),
        (r#"distinct(["a", "b", "a"])"#, r#"["a","b"]"#),
        (r#"[element(["a", "b"], 3), element(["a", "b"], -1)]"#, r#"["b","b"]"#),
        (r#"flatten([["a", ["b"]], [], ["c"]])"#, r#"["a","b","c"]"#),
        ("flatten([[[[1]]], 2])", "[1,2]"),
        ("[length([1, 2]), length({ a = 1 }), length(t.map)]", "[2,1,1]"),
        ("[range(3), range(1, 4), range(0, 1, 0.25), range(3, 0)]", "[[0,1,2],[1,2,3],[0,0.25,0.5,0.75],[3,2,1]]"),
        ("reverse([1, 2, 3])", "[3,2,1]"),
        (r#"slice(["a", "b", "c"], 1, 2)"#, r#"["b"]"#),
        (r#"sort(["b", "a", "C"])"#, r#"["C","a","b"]"#),
    ]);
    errors(&[
        ("element([], 0)", "empty"),
        ("range(2000)", "1024"),
        ("range(0, 1, 0)", ""),
        (r#"slice(["a"], 1, 3)"#, ""),
        (r#"reverse("abc")"#, "list"),
        ("chunklist([1], -1)", "not negative"),
        ("length(1)", ""),
    ]);
}

#[test]
fn collections() {
    results(&[
        (r#"coalesce(null, "", "x")"#, r#""x""#),
        (r#"coalescelist([], ["a"])"#, r#"["a"]"#),
        (r#"[contains(["a", "b"], "b"), contains([1, 2], "1")]"#, "[true,false]"),
        (r#"index(["a", "b"], "b")"#, "1"),
        ("[keys({ b = 1, a = 2 }), values({ b = 1, a = 2 })]", r#"[["a","b"],[2,1]]"#),
        (r#"[lookup({ a = "1" }, "a", "x"), lookup(t.map, "b", "x")]"#, r#"["1","x"]"#),
        ("merge({ a = 1 }, { b = 2 }, null, { a = 3 })", r#"{"a":3,"b":2}"#),
        (r#"setintersection(["a", "b"], ["b", "c"])"#, r#"["b"]"#),
        (r#"setunion(["b"], ["a", "b"])"#, r#"["a","b"]"#),
        (r#"setproduct(["a", "b"], [1, 2])"#, r#"[["a",1],["a",2],["b",1],["b",2]]"#),
        (r#"setproduct([], ["a"])"#, "[]"),
        (r#"zipmap(["a", "b"], [1, 2])"#, r#"{"a":1,"b":2}"#),
    ]);
    errors(&[
        ("coalesce(null, null)", "null or empty"),
        ("coalescelist([], [])", "empty"),
        (r#"index(["a"], "c")"#, ""),
        (r#"index([], "c")"#, ""),
        (r#"lookup({ a = 1 }, "b")"#, "expects 3 arguments, 2 given"),
        (r#"zipmap(["a"], [1, 2])"#, "1 keys do not fit 2 values"),
        ("keys([1])", "map or object"),
        ("setproduct(range(1000), range(1000), range(10))", "more than"),
    ]);
}

#[test]
fn unknown_and_sensitive_go_through() {
    let scope = scope_in("/");
    for text in ["upper(t.unknown)", "format(\"%s\", t.unknown)", "jsonencode([t.unknown])", "md5(t.unknown)"] {
        assert!(eval(text, &scope).unwrap().is_unknown(), "{text}");
    }
    check_results(&scope, &[("length([t.unknown, 1])", "2"), ("keys({ a = t.unknown })", r#"["a"]"#)]);
    for text in ["upper(t.secret)", "base64encode(t.secret)", "join(\",\", [t.secret])", "jsonencode({ a = t.secret })"]
    {
        assert!(eval(text, &scope).unwrap().sensitive, "{text}");
    }
    assert!(!eval("length([t.secret])", &scope).unwrap().sensitive);
}

/// No function of the peer is missing; those that ask a service say that they are not there yet.
#[test]
fn every_function_of_the_peer_is_known() {
    let all = "abs abspath alltrue anytrue aws_secretsmanager aws_secretsmanager_raw base64decode base64encode \
        base64gzip basename bcrypt ceil chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce \
        coalescelist compact concat consul_key contains csvdecode dirname distinct element endswith file filebase64 \
        fileexists fileset flatten floor format formatdate formatlist indent index join jsondecode jsonencode keys \
        legacy_isotime legacy_strftime length log lookup lower max md5 merge min parseint pathexpand pow range regex \
        regex_replace regexall replace reverse rfc3339_parse rsadecrypt setintersection setproduct setunion sha1 \
        sha256 sha512 signum slice sort split startswith strcontains strrev substr sum textdecodebase64 \
        textencodebase64 timeadd timestamp title trim trimprefix trimspace trimsuffix unix_timestamp_parse upper \
        urlencode uuidv4 uuidv5 values vault yamldecode yamlencode zipmap";
    let mut known: Vec<&str> = names().collect();
    known.sort_unstable();
    assert_eq!(known, all.split_whitespace().collect::<Vec<_>>());
}
